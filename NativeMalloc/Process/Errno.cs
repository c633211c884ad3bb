namespace NativeMalloc;

/// <summary>errno is set on failures only.</summary>
internal static unsafe partial class Errno
{
    internal static void Set(int value) => Shim.SetErrno(value);

    /// <summary>Sets errno; returns null, for functions that fail with it.</summary>
    internal static void* Fail(int value)
    {
        Shim.SetErrno(value);
        return null;
    }
}

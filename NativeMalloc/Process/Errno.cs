namespace NativeMalloc;

/// <summary>The error numbers that the C interface reports; errno is set on failures only.</summary>
internal static unsafe class Errno
{
    internal const int NotPermitted = 1;  // EPERM
    internal const int NoEntry = 2;       // ENOENT
    internal const int InputOutput = 5;   // EIO
    internal const int NoMemory = 12;     // ENOMEM
    internal const int BadAddress = 14;   // EFAULT
    internal const int Busy = 16;         // EBUSY
    internal const int Invalid = 22;      // EINVAL
    internal const int TooManyFilesInSystem = 23; // ENFILE
    internal const int TooManyFiles = 24; // EMFILE
    internal const int NoSystemCall = 38; // ENOSYS
    internal const int Loop = 40;         // ELOOP
    internal const int TimedOut = 110;    // ETIMEDOUT

    internal static void Set(int value) => Shim.SetErrno(value);

    /// <summary>Sets errno; returns null, for functions that fail with it.</summary>
    internal static void* Fail(int value)
    {
        Shim.SetErrno(value);
        return null;
    }
}

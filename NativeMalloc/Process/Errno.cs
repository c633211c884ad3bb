namespace NativeMalloc;

/// <summary>errno is set on failures only.</summary>
internal static unsafe partial class Errno
{
    /// <summary>Goes on to say, at the end of a line, that a file of that path could not be written, and why (0: nobody knows).</summary>
    internal static void Explain(ref Output output, byte* path, int error)
    {
        output.Quoted(path);
        if (error != 0)
        {
            output.Text(", errno "u8);
            output.Decimal((nuint)error);
            output.Text(error == Loop ? ": it is a symbolic link, or there are too many on the way to it"u8 : ""u8);
        }

        output.Text("\n"u8);
        output.Flush();
    }

    internal static void Set(int value) => Shim.SetErrno(value);

    /// <summary>Sets errno; returns null, for functions that fail with it.</summary>
    internal static void* Fail(int value)
    {
        Shim.SetErrno(value);
        return null;
    }
}

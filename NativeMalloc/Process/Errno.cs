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
    internal const int FileTooLarge = 27; // EFBIG
    internal const int NoSystemCall = 38; // ENOSYS
    internal const int Loop = 40;         // ELOOP
    internal const int TimedOut = 110;    // ETIMEDOUT

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

namespace NativeMalloc;

/// <summary>The kernel's error numbers, which the C interface reports, too.</summary>
internal static partial class Errno
{
    internal const int NotPermitted = 1;  // EPERM
    internal const int NoEntry = 2;       // ENOENT
    internal const int NoSuchProcess = 3; // ESRCH
    internal const int Interrupted = 4;   // EINTR
    internal const int InputOutput = 5;   // EIO
    internal const int NoReader = 6;      // ENXIO
    internal const int Again = 11;        // EAGAIN
    internal const int NoMemory = 12;     // ENOMEM
    internal const int BadAddress = 14;   // EFAULT
    internal const int Busy = 16;         // EBUSY
    internal const int Invalid = 22;      // EINVAL
    internal const int TooManyFilesInSystem = 23; // ENFILE
    internal const int TooManyFiles = 24; // EMFILE
    internal const int FileTooLarge = 27; // EFBIG
    internal const int BrokenPipe = 32;   // EPIPE
    internal const int NoSystemCall = 38; // ENOSYS
    internal const int Loop = 40;         // ELOOP
    internal const int TimedOut = 110;    // ETIMEDOUT
}

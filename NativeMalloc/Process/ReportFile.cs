namespace NativeMalloc;

/// <summary>
/// A file that the process writes on itself. If it grows beyond what the process may write to a file (RLIMIT_FSIZE), that is an error like others: the
/// signal that goes with it, which would end the process, is held back.
/// </summary>
internal unsafe struct ReportFile
{
    private const ulong TooLargeSignal = 1UL << (25 - 1); // SIGXFSZ

    private ulong _signals;

    /// <summary>The descriptor; a negative errno if it could not be opened.</summary>
    internal int Descriptor { get; private set; }

    internal static ReportFile Open(byte* path)
    {
        ReportFile file = default;
        file.Descriptor = Os.OpenForWriting(path);
        if (file.Descriptor >= 0)
        {
            file._signals = Os.BlockSignals(ulong.MaxValue);
            Os.BlockSignals(file._signals | TooLargeSignal);
        }

        return file;
    }

    /// <summary>With the errno that writing to it ended with, or 0.</summary>
    internal readonly void Close(int error)
    {
        Os.Close(Descriptor);
        if (error == Errno.FileTooLarge)
        {
            Os.TakeSignal(TooLargeSignal);
        }

        Os.BlockSignals(_signals);
    }
}

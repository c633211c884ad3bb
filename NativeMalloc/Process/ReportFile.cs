using System;

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

    /// <summary>Says in one line that what an option asked for could not be written to a path, and why: an errno, or 0 if nobody knows.</summary>
    internal static void Complain(ReadOnlySpan<byte> what, byte* path, int error)
    {
        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: "u8);
        output.Text(what);
        output.Text(" could not be written to "u8);
        output.Quoted(path);
        if (error != 0)
        {
            output.Text(", errno "u8);
            output.Decimal((nuint)error);
            output.Text(error == Errno.Loop ? ": it is a symbolic link, or there are too many on the way to it"u8 : ""u8);
        }

        output.Text("\n"u8);
        output.Flush();
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

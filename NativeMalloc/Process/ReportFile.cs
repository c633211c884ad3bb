using System;

namespace NativeMalloc;

/// <summary>What is said of a file that the process should have written on itself.</summary>
internal static unsafe class ReportFile
{
    /// <summary>Says in one line that what an option asked for could not be written to a path, and why: an errno, or 0 if nobody knows.</summary>
    internal static void Complain(ReadOnlySpan<byte> what, byte* path, int error)
    {
        Output output = Output.ToFile(FirstStandardError.OrLater);
        output.Text("nativemalloc: "u8);
        output.Text(what);
        output.Text(" could not be written to "u8);
        output.Quoted(path);
        if (error != 0)
        {
            output.Text(", errno "u8);
            output.Decimal((nuint)error);
            output.Text(error == Errno.Loop ? ": it is a symbolic link, or there are too many on the way to it"u8
                : error == Errno.NoReader ? ": nobody reads from it"u8
                : ""u8);
        }

        output.Text("\n"u8);
        output.Flush();
    }
}

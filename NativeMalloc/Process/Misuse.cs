using System;

namespace NativeMalloc;

/// <summary>What happens to a program that hands over something that is not a block: one line, then abort.</summary>
internal static unsafe class Misuse
{
    /// <summary>Writes "nativemalloc: CALLER(ADDRESS): the address WHAT" to standard error and ends the process by SIGABRT.</summary>
    internal static void Report(ReadOnlySpan<byte> caller, void* block, ReadOnlySpan<byte> what)
    {
        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: "u8);
        output.Text(caller);
        output.Text("("u8);
        output.Hexadecimal((nuint)block);
        output.Text("): the address "u8);
        output.Text(what);
        output.Text("\n"u8);
        output.Flush();
        Shim.Abort();
    }
}

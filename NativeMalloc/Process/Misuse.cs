using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// What happens to a program that hands over something that is not a block: one line on standard error, "nativemalloc:
/// CALLER(ADDRESS): the address WHAT (size class N)", then SIGABRT. Nothing here is inlined: the line's buffer would grow the stack
/// frame of every caller, and those are on the way of each free.
/// </summary>
internal static unsafe class Misuse
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Report(ReadOnlySpan<byte> caller, void* block, ReadOnlySpan<byte> what)
    {
        Output output = Begin(caller, block);
        output.Text(what);
        End(ref output, block);
    }

    /// <summary>For an address at which no block begins.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReportNoBlock(ReadOnlySpan<byte> caller, void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        Report(
            caller,
            block,
            (nuint)block % 16 != 0 ? "is not aligned to 16 bytes, as every block is"u8
            : span != null ? "points into a block"u8
            : PageMap.HugePageOf((nuint)block) != null ? "was freed already, or points into a large block"u8
            : "was not allocated here"u8);
    }

    /// <summary>For a sized free that names another size than was asked for.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReportSize(void* block, nuint said, nuint asked)
    {
        Output output = Begin("free"u8, block);
        output.Text("is freed as a block of "u8);
        output.Decimal(said);
        output.Text(" bytes, and was allocated with "u8);
        output.Decimal(asked);
        End(ref output, block);
    }

    private static Output Begin(ReadOnlySpan<byte> caller, void* block)
    {
        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: "u8);
        output.Text(caller);
        output.Text("("u8);
        output.Hexadecimal((nuint)block);
        output.Text("): the address "u8);
        return output;
    }

    private static void End(ref Output output, void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (span != null)
        {
            output.Text(span->SizeClass != 0 ? " (size class "u8 : " (a large block of "u8);
            output.Decimal(span->SizeClass != 0 ? SizeClasses.Size(span->SizeClass) : span->Bytes);
            output.Text(span->SizeClass != 0 ? ")"u8 : " bytes)"u8);
        }

        output.Text("\n"u8);
        output.Flush();
        Shim.Abort();
    }
}

using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// What happens to a program that hands over something that is not a block: one line on standard error, "nativemalloc:
/// CALLER(ADDRESS): the address WHAT (size class N)", then SIGABRT.
/// </summary>
/// <remarks>
/// A handler of SIGABRT may do whatever a program may, fork, allocate, or go on by siglongjmp. So a thread on its slow path, which may
/// hold locks, only notes what it finds; it goes on without the object, and tells when it leaves the slow path. Whoever reports must
/// therefore be ready to go on. Nothing here is inlined: the line's buffer would grow the stack frame of every caller, and those are on the
/// way of each free.
/// </remarks>
internal static unsafe class Misuse
{
    /// <summary>Ends the process, now or when this thread leaves its slow path.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Report(Caller caller, void* block, Fault fault)
    {
        ThreadState* thread = Shim.Thread();
        if (thread->Finding.Fault == Fault.None) // else what comes after the first may be its consequence
        {
            thread->Finding = Find(caller, block, fault);
        }

        if (thread->OnSlowPath == 0)
        {
            ReportFinding(thread);
        }
    }

    /// <summary>The same for an address at which no block begins.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReportNoBlock(Caller caller, void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        Report(
            caller,
            block,
            (nuint)block % 16 != 0 ? Fault.NotAligned
            : span != null ? (span->Cached && span->Block == (nuint)block ? Fault.Freed : Fault.Interior)
            : PageMap.HugePageOf((nuint)block) != null ? Fault.FreedOrInterior
            : Fault.Foreign);
    }

    /// <summary>The same for what came back as an object of a class, and is none that is in use.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReportNoObject(void* block, nuint sizeClass)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (span == null)
        {
            ReportNoBlock(Caller.Free, block);
            return;
        }

        nuint there = span->Remnant ? Remnants<Heap.RemnantSpans>.ClassAt(span, (nuint)block) : span->SizeClass;
        bool isOther = there != sizeClass && (there != 0 || !span->Remnant);
        Report(Caller.Free, block, isOther ? Fault.WrongClass : Fault.FreedOrNoObject);
    }

    /// <summary>Ends the process for a sized free that names another size than was asked for. The thread is not on its slow path.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReportSize(void* block, nuint said, nuint asked)
    {
        Finding finding = Find(Caller.Free, block, Fault.None);
        Output output = Begin(finding);
        output.Text("is freed as a block of "u8);
        output.Decimal(said);
        output.Text(" bytes, and was allocated with "u8);
        output.Decimal(asked);
        End(ref output, finding);
    }

    /// <summary>Ends the process for what this thread has found. It is not on its slow path any more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReportFinding(ThreadState* thread)
    {
        Finding finding = thread->Finding;
        thread->Finding = default; // who goes on may find more
        Output output = Begin(finding);
        output.Text(finding.Fault switch
        {
            Fault.NotAligned => "is not aligned to 16 bytes, as every block is"u8,
            Fault.Interior => "points into a block"u8,
            Fault.FreedOrInterior => "was freed already, or points into a large block"u8,
            Fault.Foreign => "was not allocated here"u8,
            Fault.Freed => "was freed already"u8,
            Fault.FreedOrNoObject => "is not a block in use: it was freed twice, or points into a block"u8,
            Fault.WrongClass => "was freed with a wrong size"u8,
            Fault.NeverInUse => "is not a block in use"u8,
            Fault.WrittenPastEnd => "was written to past its end"u8,
            Fault.WrittenPastEndOrBefore => "was written to past its end, or before the start of the block behind it"u8,
            Fault.WrittenAfterFree => "was written to after it was freed"u8,
            _ => "was written to while it was free"u8,
        });
        End(ref output, finding);
    }

    private static Finding Find(Caller caller, void* block, Fault fault)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        bool isSmall = span != null && span->SizeClass != 0;
        return new Finding
        {
            Block = block,
            Bytes = span == null ? 0
                : span->Remnant ? Remnants<Heap.RemnantSpans>.SizeAt(span, (nuint)block)
                : isSmall ? SizeClasses.Size(span->SizeClass) : span->BlockBytes,
            Caller = caller,
            IsSmall = isSmall,
            Fault = fault,
        };
    }

    private static Output Begin(in Finding finding)
    {
        Output output = Output.ToFile(FirstStandardError.OrLater);
        output.Text("nativemalloc: "u8);
        output.Text(finding.Caller switch
        {
            Caller.Malloc => "malloc"u8,
            Caller.Free => "free"u8,
            Caller.Realloc => "realloc"u8,
            Caller.UsableSize => "malloc_usable_size"u8,
            _ => "exit"u8,
        });
        output.Text("("u8);
        output.Hexadecimal((nuint)finding.Block);
        output.Text("): the address "u8);
        return output;
    }

    private static void End(ref Output output, in Finding finding)
    {
        if (finding.Bytes != 0)
        {
            output.Text(finding.IsSmall ? " (size class "u8 : " (a large block of "u8);
            output.Decimal(finding.Bytes);
            output.Text(finding.IsSmall ? ")"u8 : " bytes)"u8);
        }

        output.Text("\n"u8);
        output.Flush();
        Shim.Abort();
    }
}

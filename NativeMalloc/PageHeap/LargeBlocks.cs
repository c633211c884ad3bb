using System.Threading;

namespace NativeMalloc;

/// <summary>Blocks that are too large, or too strictly aligned, for a size class: each is a span of its own.</summary>
internal static unsafe class LargeBlocks
{
    /// <summary>PTRDIFF_MAX: no block may be larger, since differences of pointers into it could not be told.</summary>
    internal const ulong MaxSize = 0x7fff_ffff_ffff_ffff;

    /// <summary>
    /// From here on, moving a block's pages costs less than copying its bytes. Each move may add a mapping to the process, so
    /// the bound is not lower than that.
    /// </summary>
    private const nuint MinMoveBytes = 4 << 20;

    // Over all requests: their bytes, and what they got.
    private static long s_requested;
    private static long s_granted;

    /// <summary>False once the kernel has refused to move a block.</summary>
    internal static bool CanMove { get; set; } = true;

    /// <summary>A block; null when there is no memory. <paramref name="alignment"/> is a power of two.</summary>
    internal static void* Allocate(nuint size, nuint alignment)
    {
        Span* span = TakeSpan(size, alignment);
        if (span == null)
        {
            return null;
        }

        span->Zeroed = false;
        return (void*)span->Start;
    }

    /// <summary>A block that reads zero; what the kernel has zeroed already is not zeroed again.</summary>
    internal static void* AllocateZeroed(nuint size)
    {
        Span* span = TakeSpan(size, PageMap.PageSize);
        if (span == null)
        {
            return null;
        }

        if (!span->Zeroed)
        {
            Shim.Fill((void*)span->Start, 0, size);
        }

        span->Zeroed = false;
        return (void*)span->Start;
    }

    /// <summary>What of so many bytes of large blocks was added by rounding up: on the average of all requests so far.</summary>
    internal static nuint WasteOf(nuint bytes)
    {
        long granted = Volatile.Read(ref s_granted);
        long requested = Volatile.Read(ref s_requested);
        const int Parts = 1 << 14; // of so many, to stay within 64 bits
        return requested < granted ? bytes / Parts * (nuint)((granted - requested) / (granted / Parts + 1)) : 0;
    }

    /// <summary>The span of a large block; stops the process if the address is not one.</summary>
    internal static Span* SpanOf(void* block, System.ReadOnlySpan<byte> caller)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (span == null || span->Start != (nuint)block || span->SizeClass != 0)
        {
            Misuse.ReportNoBlock(caller, block);
        }

        return span;
    }

    internal static void Free(Span* span) => Heap.Pages->Give(span, released: false);

    /// <summary>
    /// Changes a block's size where it stands, or by moving its pages; null if neither can be done, and the block is then as it was.
    /// </summary>
    internal static void* Resize(Span* span, nuint size)
    {
        nuint pages = PagesOf(size);
        if (pages == span->Pages)
        {
            return (void*)span->Start;
        }

        if (pages < span->Pages)
        {
            Heap.Pages->Shorten(span, pages);
            return (void*)span->Start;
        }

        if (Heap.Pages->Extend(span, pages))
        {
            return (void*)span->Start;
        }

        return span->Bytes >= MinMoveBytes && CanMove ? Move(span, pages) : null;
    }

    private static void* Move(Span* span, nuint pages)
    {
        Span* target = Heap.Pages->Take(pages, 0, PageMap.HugePageSize, instead: span->Pages);
        if (target == null)
        {
            return null;
        }

        MoveResult result = Os.MovePages((byte*)span->Start, (byte*)target->Start, span->Bytes);
        if (result != MoveResult.Moved)
        {
            // What the kernel refused once it would refuse again. A lost target stays in use for ever.
            CanMove = false;
            if (result == MoveResult.Refused)
            {
                Heap.Pages->Give(target, released: false);
            }

            return null;
        }

        target->Zeroed = false;
        Heap.Pages->Give(span, released: true);
        return (void*)target->Start;
    }

    private static Span* TakeSpan(nuint size, nuint alignment)
    {
        if (size > MaxSize || alignment > MaxSize)
        {
            return null;
        }

        nuint pages = PagesOf(size);
        pages = pages == 0 ? 1 : pages;
        Interlocked.Add(ref s_requested, (long)size);
        Interlocked.Add(ref s_granted, (long)(pages << PageMap.PageShift));
        Span* span = Heap.Pages->Take(pages, 0, alignment);
        if (span == null && size <= Heap.Pages->MappedBytes)
        {
            Heap.EmptyCaches();
            span = Heap.Pages->Take(pages, 0, alignment);
        }

        return span;
    }

    private static nuint PagesOf(nuint size) => (size + PageMap.PageSize - 1) >> PageMap.PageShift;
}

using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Blocks that are too large, or too strictly aligned, for a size class: each has a span of its own, and begins in its first page, but not always at its
/// start (<see cref="CacheColour"/>).
/// </summary>
internal static unsafe class LargeBlocks
{
    /// <summary>PTRDIFF_MAX: no block may be larger, since differences of pointers into it could not be told.</summary>
    internal const ulong MaxSize = 0x7fff_ffff_ffff_ffff;

    private static Apart<long> s_waste;

    /// <summary>Bytes of all large blocks that were added before them and by rounding up to pages, those that wait (<see cref="LargeCache"/>) among them.</summary>
    internal static nuint Waste => (nuint)Volatile.Read(ref s_waste.Value);

    /// <summary>The same, for who looks from outside.</summary>
    internal static long* WasteRoot => (long*)Unsafe.AsPointer(ref s_waste.Value);

    /// <summary>A block; null when there is no memory. <paramref name="alignment"/> is a power of two.</summary>
    internal static void* Allocate(nuint size, nuint alignment)
    {
        Span* span = TakeSpan(size, alignment);
        if (span == null)
        {
            return null;
        }

        span->EndFirstUse();
        return (void*)span->Block;
    }

    /// <summary>Bytes of a block that was asked for with that size, as <see cref="Span.BlockBytes"/>.</summary>
    internal static nuint RoomFor(nuint size) => CacheColour.RoundUp(size > 0 ? size : 1);

    /// <summary>A block that reads zero; what the kernel has zeroed already is not zeroed again.</summary>
    internal static void* AllocateZeroed(nuint size)
    {
        Span* span = TakeSpan(size, PageMap.PageSize);
        return span != null ? MakeZero(span, size) : null;
    }

    /// <summary>The block of a span that was taken just now, made to read zero: its own, so that nobody need wait for that.</summary>
    internal static void* MakeZero(Span* span, nuint size)
    {
        Zeroing.Clear(span, (byte*)span->Block, size);
        span->EndFirstUse();
        return (void*)span->Block;
    }

    /// <summary>The span of a large block; if the address is not one, that is reported, and null.</summary>
    internal static Span* SpanOf(void* block, Caller caller)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (!IsBlock(span, block))
        {
            Misuse.ReportNoBlock(caller, block);
            return null;
        }

        return span;
    }

    /// <summary>As malloc, of what is cached; null if nothing of that size is, or it is not the size of a large block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* TakeCached(nuint size)
    {
        nuint spread = CacheColour.Spread(size);
        Span* span = size <= MaxSize ? LargeCache.TryTake(PagesOf(size + spread)) : null;
        if (span == null)
        {
            return null;
        }

        if (span->Objects > spread)
        {
            span->Objects = (ushort)CacheColour.Offset(span->Start, spread);
        }

        Account(span, size);
        return (void*)span->Block;
    }

    /// <summary>As free, of what is to be cached; false if the block is not, or is none.</summary>
    internal static bool TryCache(void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        return IsBlock(span, block) && LargeCache.TryKeep(span);
    }

    /// <summary>What is cached goes to the page heap.</summary>
    internal static void GiveCached()
    {
        for (int place = 0; place < LargeCache.Places; place++)
        {
            Span* span = LargeCache.TakeAt(place);
            if (span != null)
            {
                Give(span);
            }
        }
    }

    internal static void Free(Span* span)
    {
        nuint pages = span->Pages;
        Give(span);
        ReleaseExcess(pages);
    }

    private static void Give(Span* span)
    {
        Account(span, span->Bytes);
        MovedBlocks.Give(span);
    }

    /// <summary>
    /// Changes a block's size where it stands, or by moving its pages to another span; null if neither can be done, and the block is then as it was.
    /// What it has left is for <see cref="EndMove"/>.
    /// </summary>
    internal static void* Resize(ref Span* span, nuint size)
    {
        nuint pages = PagesOf(size + span->Objects);
        nuint fewer = 0;
        if (pages < span->Pages)
        {
            // What grows has room left since it was moved.
            if (size < span->Asked && !MovedBlocks.TryShorten(span, pages, out fewer))
            {
                return null;
            }
        }
        else if (pages > span->Pages && !TryGrow(ref span, pages))
        {
            return null;
        }

        Account(span, size);
        ReleaseExcess(fewer);
        return (void*)span->Block;
    }

    /// <summary>A block was in "before" and is in "now": where it was may be another's from now on.</summary>
    internal static void EndMove(Span* before, Span* now)
    {
        if (now != before)
        {
            MovedBlocks.GiveEmpty(before);
        }
    }

    // What was moved before goes on to where it is one mapping again, rather than grow into pages that are another.
    private static bool TryGrow(ref Span* span, nuint pages)
    {
        RelativeLimits.Follow((pages - span->Pages) << PageMap.PageShift);
        if (!span->Moved && Heap.Pages->Extend(span, pages))
        {
            return true;
        }

        nuint waste = span->Out;
        Account(span, span->Bytes);
        Span* moved = MovedBlocks.TryMove(span, pages);
        if (moved != null)
        {
            span = moved;
            return true;
        }

        Account(span, span->Bytes - waste); // or it would have more room than was asked for

        return span->Moved && Heap.Pages->Extend(span, pages);
    }

    /// <summary>A block's span, for <see cref="MakeZero"/>; null when there is no memory.</summary>
    internal static Span* TakeSpan(nuint size, nuint alignment)
    {
        if (size > MaxSize || alignment > MaxSize)
        {
            return null;
        }

        size = size > 0 ? size : 1;
        nuint spread = alignment <= CacheColour.Line ? CacheColour.Spread(size) : 0;
        nuint pages = PagesOf(size + spread);
        Span* span = alignment <= PageMap.PageSize ? LargeCache.TryTake(pages) : null;
        if (span == null)
        {
            RelativeLimits.Follow(pages << PageMap.PageShift);
            span = Heap.TakeSpan(pages, 0, alignment);
        }

        if (span == null && CouldBeHad(size))
        {
            Heap.EmptyCaches(mayAbortOthers: false);
            span = Heap.Pages->Take(pages, 0, alignment);
            if (span == null && PagesOf(size) < pages)
            {
                spread = 0; // the last page that there is room for is not refused for a place in it
                span = Heap.Pages->Take(PagesOf(size), 0, alignment);
            }
        }

        if (span != null)
        {
            span->Objects = (ushort)CacheColour.Offset(span->Start, spread);
            Account(span, size);
        }

        ReleaseExcess(0);
        return span;
    }

    // Without what the caches hold: of the addresses that the heap has, or with as many more as the block is larger than those.
    private static bool CouldBeHad(nuint size)
    {
        nuint mapped = Heap.Pages->MappedBytes;
        return size <= Options.Limit && (size <= mapped || Os.CanMap(size - mapped));
    }

    // After so many pages were freed.
    private static void ReleaseExcess(nuint freedPages)
    {
        if (Heap.Pages->HasExcess)
        {
            Heap.Pages->ReleaseExcess(freedPages);
        }
    }

    // Notes how much of a span was asked for.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Account(Span* span, nuint size)
    {
        span->Asked = size;
        nuint all = span->Bytes - size; // at most two pages, but of a block that was moved
        ushort waste = all < 0xffff ? (ushort)all : (ushort)0xffff;
        if (waste != span->Out)
        {
            Interlocked.Add(ref s_waste.Value, waste - span->Out);
            span->Out = waste;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsBlock(Span* span, void* block) =>
        span != null && span->Block == (nuint)block && span->SizeClass == 0 && !span->Cached && !span->Remnant;

    private static nuint PagesOf(nuint size) => (size + PageMap.PageSize - 1) >> PageMap.PageShift;
}

using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Large blocks that came back and are wanted again and again: as many pages as the program asked for several times already. They go out
/// without a lock or a look at pages, which for a block of 1 MiB is a tenth of the time.
/// </summary>
/// <remarks>
/// A block here is still a span. It counts as free memory that the page heap keeps, and goes to it when that has no other to give, and after
/// each period. Taking and keeping wait for nothing, so they may interrupt themselves and run outside of the slow path.
/// The place that a block was taken from waits for one of that size to come back, until another size wants it.
/// </remarks>
internal static unsafe class LargeCache
{
    internal const int Places = LargeCacheTable.Places;

    /// <summary>32 MiB: up to here glibc learns to keep blocks, too (DEFAULT_MMAP_THRESHOLD_MAX).</summary>
    private const nuint MaxPages = (32 << 20) >> PageMap.PageShift;

    private static Apart<LargeCacheTable> s_table;

    /// <summary>Bytes of the blocks.</summary>
    internal static nuint Bytes => s_table.Value.Bytes;

    /// <summary>The places, for who looks from outside.</summary>
    internal static LargeCacheTable* Root => (LargeCacheTable*)Unsafe.AsPointer(ref s_table.Value);

    // Of what is here and what is waited for. Eight loads and additions: a loop would cost twice as much.
    private static nuint ClaimedPages =>
        PagesOf(At(0)) + PagesOf(At(1)) + PagesOf(At(2)) + PagesOf(At(3)) + PagesOf(At(4)) + PagesOf(At(5)) + PagesOf(At(6)) + PagesOf(At(7));

    /// <summary>The span of a block of so many pages; null if none is here.</summary>
    internal static Span* TryTake(nuint pages)
    {
        for (int number = 0; number < Places; number++)
        {
            ulong kept = At(number);
            if (PagesOf(kept) == pages && SpanOf(kept) != null && TryReplace(number, kept, Waiting(pages)))
            {
                Span* span = SpanOf(kept);
                span->Cached = false;
                return span;
            }
        }

        return null;
    }

    /// <summary>Takes a block's span, if blocks of its size are wanted often and no more is kept than the page heap may.</summary>
    internal static bool TryKeep(Span* span)
    {
        nuint pages = span->Pages;
        if (pages > MaxPages)
        {
            return false;
        }

        span->Cached = true;
        ulong waiting = Waiting(pages);
        for (int number = 0; number < Places; number++)
        {
            if (At(number) == waiting && TryReplace(number, waiting, waiting | (ulong)span))
            {
                return true;
            }
        }

        return TryKeepAnew(span);
    }

    /// <summary>The span of the block at a place, which waits for none any more; null if none is there.</summary>
    internal static Span* TakeAt(int number)
    {
        Span* span = SpanOf((ulong)Interlocked.Exchange(ref Place(number), 0));
        if (span != null)
        {
            span->Cached = false;
        }

        return span;
    }

    // At the first place that is empty, or waits for another size. A method of its own, so that the above needs no frame.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryKeepAnew(Span* span)
    {
        nuint pages = span->Pages;
        bool wanted = IsWantedOften((uint)pages);
        for (int number = 0; wanted && number < Places; number++)
        {
            ulong waiting = At(number);
            if (SpanOf(waiting) != null)
            {
                continue;
            }

            nuint all = ClaimedPages - PagesOf(waiting) + pages;
            if (!Heap.MayCache(all))
            {
                break;
            }

            if (TryReplace(number, waiting, Waiting(pages) | (ulong)span))
            {
                return true; // and the span may be another thread's by now
            }
        }

        span->Cached = false;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong At(int number) => Volatile.Read(ref s_table.Value.Kept[number]);

    private static nuint PagesOf(ulong kept) => LargeCacheTable.PagesOf(kept);

    private static ulong Waiting(nuint pages) => (ulong)pages << LargeCacheTable.PagesShift;

    private static Span* SpanOf(ulong kept) => LargeCacheTable.SpanOf(kept);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryReplace(int number, ulong kept, ulong by) =>
        Interlocked.CompareExchange(ref Place(number), (long)by, (long)kept) == (long)kept;

    // Counts the returns of a size. Threads may lose each other's counts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsWantedOften(uint pages)
    {
        ref ulong counted = ref s_table.Value.Sizes[(int)(pages * 2654435769u >> (32 - LargeCacheTable.SizeBits))];
        uint returns = (uint)(counted >> 32) == pages ? (uint)counted : 0;
        if (returns < Returns.OfLarge)
        {
            counted = (ulong)pages << 32 | (returns + 1);
            return false;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref long Place(int number) => ref Unsafe.As<ulong, long>(ref s_table.Value.Kept[number]);
}

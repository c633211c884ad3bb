using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Large blocks that came back and are wanted again and again: as many pages as the program asked for several times already. They go out
/// without a lock or a look at pages, which for a block of 1 MiB is a tenth of the time.
/// </summary>
/// <remarks>
/// A block here is still a span. It counts as free memory that the page heap keeps, and goes to it when that has no other to give, and after
/// each period. Nothing here waits, so it may interrupt itself.
/// </remarks>
internal static unsafe class LargeCache
{
    private const int Places = 8;

    /// <summary>32 MiB: up to here glibc learns to keep blocks, too (DEFAULT_MMAP_THRESHOLD_MAX).</summary>
    private const nuint MaxPages = (32 << 20) >> PageMap.PageShift;

    /// <summary>A size must have come back so often since another that is counted at the same place.</summary>
    private const uint ReturnsBeforeKept = 4;
    private const int SizeBits = 5;

    private static Table s_table;
    private static int s_hand;

    // What may be kept, when it was last asked for in this period.
    private static nuint s_bound;

    /// <summary>Bytes of the blocks.</summary>
    internal static nuint Bytes
    {
        get
        {
            nuint pages = 0;
            for (int place = 0; place < Places; place++)
            {
                Span* span = (Span*)Volatile.Read(ref Place(place));
                pages += span != null ? span->Pages : 0;
            }

            return pages << PageMap.PageShift;
        }
    }

    /// <summary>The span of a block of so many pages; null if none is here.</summary>
    internal static Span* TryTake(nuint pages)
    {
        for (int place = 0; place < Places; place++)
        {
            // Whoever else takes it may end the span meanwhile; its memory remains one of spans.
            Span* span = (Span*)Volatile.Read(ref Place(place));
            if (span != null && span->Pages == pages && Interlocked.CompareExchange(ref Place(place), 0, (long)span) == (long)span)
            {
                if (span->Pages == pages)
                {
                    span->Cached = false;
                    return span;
                }

                GiveToPageHeap(span);
            }
        }

        return null;
    }

    /// <summary>Takes a block's span, if blocks of its size are wanted often and no more is kept than the page heap may.</summary>
    internal static bool TryKeep(Span* span)
    {
        nuint pages = span->Pages;
        if (pages > MaxPages || !IsWantedOften((uint)pages))
        {
            return false;
        }

        int free = -1; // the first is where the next look begins
        for (int place = Places - 1; place >= 0; place--)
        {
            Span* other = (Span*)Volatile.Read(ref Place(place));
            if (other == null)
            {
                free = place;
            }
            else
            {
                pages += other->Pages;
            }
        }

        if (pages > s_bound && pages > (s_bound = Heap.Pages->KeepablePages))
        {
            return false;
        }

        span->Cached = true;
        if (free >= 0 && Interlocked.CompareExchange(ref Place(free), (long)span, 0) == 0)
        {
            return true;
        }

        GiveToPageHeap((Span*)Interlocked.Exchange(ref Place(++s_hand & (Places - 1)), (long)span));
        return true;
    }

    /// <summary>Gives all to the page heap.</summary>
    internal static void Flush()
    {
        s_bound = 0;
        for (int place = 0; place < Places; place++)
        {
            GiveToPageHeap((Span*)Interlocked.Exchange(ref Place(place), 0));
        }
    }

    private static void GiveToPageHeap(Span* span)
    {
        if (span != null)
        {
            span->Cached = false;
            Heap.Pages->Give(span, released: false);
        }
    }

    // Counts the returns of a size. Threads may lose each other's counts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsWantedOften(uint pages)
    {
        ref ulong counted = ref s_table.Sizes[(int)(pages * 2654435769u >> (32 - SizeBits))];
        uint returns = (uint)(counted >> 32) == pages ? (uint)counted : 0;
        if (returns < ReturnsBeforeKept)
        {
            counted = (ulong)pages << 32 | (returns + 1);
            return false;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref long Place(int number) => ref Unsafe.As<ulong, long>(ref s_table.Spans[number]);

    private struct Table
    {
        internal fixed ulong Spans[Places];
        internal fixed ulong Sizes[1 << SizeBits];
    }
}

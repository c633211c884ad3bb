using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// The tracker of one huge page (2 MiB, 256 pages) of the heap: which pages are in spans, and which of the others hold no
/// memory. Under the page heap's lock.
/// </summary>
/// <remarks>
/// A used page that held no memory when it was taken stays marked as released: it reads zero but for what its owner has written.
/// Who has a span may read the marks of its pages without the lock, since they do not change before the span goes back.
/// Invariants: A huge page with no used page belongs to a free run
/// (<see cref="HugePageRuns"/>); one with used and unused pages is in the filler's list for its longest free row
/// (<see cref="HugePageFiller"/>); a full one is in neither.
/// </remarks>
internal unsafe struct HugePage
{
    internal nuint Start;
    internal HugePage* Next;
    internal HugePage* Previous;

    /// <summary>In the first huge page of a free run: how many huge pages the run has. In its last, if that is another: minus as many. 0 elsewhere.</summary>
    internal int RunLength;

    /// <summary>In the first and last of a row of neighbours in a free run that have no memory to give: how many they are. 0 elsewhere.</summary>
    internal int BareLength;

    internal PageAdvice Advice;

    /// <summary>1 if the kernel was advised to keep it in small pages, which it was not when it was mapped (see <see cref="HugePageAdvice"/>).</summary>
    internal int KeptSmall;

    /// <summary>It lies in a mapping that the kernel moved here, apart from the heap's own.</summary>
    internal bool Moved;

    /// <summary>Because of such, one of the kernel's mappings ends at its start, and another begins.</summary>
    internal bool BeginsMapping;

    internal short UsedPages;

    /// <summary>Unused pages that the kernel has taken back, or never backed: they read zero.</summary>
    internal short ReleasedPages;

    /// <summary>The longest row of unused pages, by which the filler lists it; 0 if it is not in the filler.</summary>
    internal short LongestFree;

    /// <summary>The kernel has refused to take memory of it back (mlock does that), and no page of it was taken or given since.</summary>
    internal bool Refused;

    /// <summary>Unused pages at its start and at its end, of one that has used pages; and how many lie in the row over the border behind it.</summary>
    internal short FreeAtStart;
    internal short FreeAtEnd;
    internal short Seam;
    internal HugePage* NextSeam;
    internal HugePage* PreviousSeam;

    private fixed ulong _used[PageBits.Words];
    private fixed ulong _released[PageBits.Words];

    internal readonly bool IsEmpty => UsedPages == 0;

    /// <summary>Unused pages that still hold memory.</summary>
    internal readonly int BackedFreePages => PageBits.Pages - UsedPages - ReleasedPages;

    /// <summary>Some of it can go back to the kernel, as far as is known.</summary>
    internal readonly bool HasMemoryToGive => BackedFreePages > 0 && !Refused;

    /// <summary>Starts to track a huge page that was mapped just now.</summary>
    internal void Prepare(nuint start, PageAdvice advice)
    {
        Start = start;
        Advice = advice;
        ReleasedPages = PageBits.Pages;
        fixed (ulong* released = _released)
        {
            PageBits.Set(released, 0, PageBits.Pages);
        }
    }

    /// <summary>Takes pages that are unused; returns how many of them were released.</summary>
    internal int Use(int first, int count)
    {
        fixed (ulong* used = _used, released = _released)
        {
            int zero = PageBits.Count(released, first, count);
            PageBits.Set(used, first, count);
            UsedPages += (short)count;
            ReleasedPages -= (short)zero;
            return zero;
        }
    }

    /// <summary>As <see cref="Use"/>, all pages.</summary>
    internal int UseAll()
    {
        int zero = ReleasedPages;
        SetAll(ref _used[0], ulong.MaxValue);
        UsedPages = PageBits.Pages;
        ReleasedPages = 0;
        return zero;
    }

    /// <summary>Gives pages that are used back; returns how many of them are released now.</summary>
    internal int Free(int first, int count, PageContents contents)
    {
        fixed (ulong* used = _used, released = _released)
        {
            PageBits.Clear(used, first, count);
            if (contents == PageContents.Some)
            {
                PageBits.Clear(released, first, count);
            }
            else if (contents == PageContents.None)
            {
                PageBits.Set(released, first, count);
            }

            int zero = PageBits.Count(released, first, count);
            UsedPages -= (short)count;
            ReleasedPages += (short)zero;
            return zero;
        }
    }

    /// <summary>As <see cref="Free"/>, all pages.</summary>
    internal int FreeAll(PageContents contents)
    {
        if (contents == PageContents.Same)
        {
            return Free(0, PageBits.Pages, contents);
        }

        bool none = contents == PageContents.None;
        SetAll(ref _used[0], 0);
        SetAll(ref _released[0], none ? ulong.MaxValue : 0);
        UsedPages = 0;
        ReleasedPages = none ? (short)PageBits.Pages : (short)0;
        return ReleasedPages;
    }

    /// <summary>All unused pages hold memory, for all that is known; returns how many of them did not.</summary>
    internal int CountAsBacked()
    {
        int zero = ReleasedPages;
        ReleasedPages = 0;
        for (int i = 0; i < PageBits.Words; i++)
        {
            _released[i] &= _used[i];
        }

        return zero;
    }

    /// <summary>
    /// Moves <paramref name="page"/> on to the next row of pages that held memory when they were taken; false if there is none before
    /// <paramref name="end"/>. The pages are used, and the caller's.
    /// </summary>
    internal bool NextOldRow(ref int page, int end, out int length)
    {
        fixed (ulong* released = _released)
        {
            return Bits.NextClearRun(released, ref page, end, out length);
        }
    }

    /// <summary>Whether all pages of the range are unused.</summary>
    internal bool IsFree(int first, int count)
    {
        fixed (ulong* used = _used)
        {
            return PageBits.Count(used, first, count) == 0;
        }
    }

    /// <summary>Whether all pages of the range hold memory.</summary>
    internal bool IsBacked(int first, int count)
    {
        fixed (ulong* released = _released)
        {
            return PageBits.Count(released, first, count) == 0;
        }
    }

    /// <summary>The first of <paramref name="count"/> unused pages in a row, of which all hold memory if that can be had, or -1.</summary>
    internal int FindFree(int count)
    {
        int first = -1;
        if (ReleasedPages > 0 && BackedFreePages >= count)
        {
            ulong* kept = stackalloc ulong[PageBits.Words];
            GetWithoutFreeMemory(kept);
            first = PageBits.FindClearRun(kept, count);
        }

        fixed (ulong* used = _used)
        {
            return first >= 0 ? first : PageBits.FindClearRun(used, count);
        }
    }

    /// <summary>Counts the unused pages at both ends anew; false if they are as they were.</summary>
    internal bool MeasureEnds()
    {
        int start = 0;
        int end = 0;
        if (!IsEmpty)
        {
            fixed (ulong* used = _used)
            {
                start = Bits.NextSet(used, 0, PageBits.Pages);
                end = PageBits.Pages - Bits.AfterPreviousSet(used, PageBits.Pages);
            }
        }

        bool changed = start != FreeAtStart || end != FreeAtEnd;
        FreeAtStart = (short)start;
        FreeAtEnd = (short)end;
        return changed;
    }

    internal int MeasureLongestFree()
    {
        fixed (ulong* used = _used)
        {
            return PageBits.LongestClearRun(used);
        }
    }

    /// <summary>The first row of unused pages that hold memory; there must be one.</summary>
    internal void FindBacked(out nuint start, out nuint pages)
    {
        ulong* kept = stackalloc ulong[PageBits.Words];
        GetWithoutFreeMemory(kept);
        int first = 0;
        PageBits.NextClearRun(kept, ref first, out int count);
        start = Start + ((nuint)first << PageMap.PageShift);
        pages = (nuint)count;
    }

    /// <summary>Of the lists of the filler and the runs.</summary>
    internal readonly struct Links : IHugePageLinks
    {
        public static ref HugePage* Next(HugePage* hugePage) => ref hugePage->Next;

        public static ref HugePage* Previous(HugePage* hugePage) => ref hugePage->Previous;
    }

    private static void SetAll(ref ulong first, ulong value)
    {
        for (int word = 0; word < PageBits.Words; word++)
        {
            Unsafe.Add(ref first, word) = value;
        }
    }

    // The pages that are used, or released already.
    private readonly void GetWithoutFreeMemory(ulong* pages)
    {
        for (int word = 0; word < PageBits.Words; word++)
        {
            pages[word] = _used[word] | _released[word];
        }
    }
}

namespace NativeMalloc;

/// <summary>
/// The tracker of one huge page (2 MiB, 256 pages) of the heap: which pages are in spans, and which of the others hold no
/// memory. Under the page heap's lock.
/// </summary>
/// <remarks>
/// Invariants: no page is both used and released. A huge page with no used page belongs to a free run
/// (<see cref="HugePageRuns"/>); one with used and unused pages is in the filler's list for its longest free row
/// (<see cref="HugePageFiller"/>); a full one is in neither.
/// </remarks>
internal unsafe struct HugePage
{
    internal nuint Start;
    internal HugePage* Next;
    internal HugePage* Previous;

    /// <summary>In the first and last huge page of a free run: how many huge pages the run has. 0 elsewhere.</summary>
    internal int RunLength;

    /// <summary>The kernel was not advised to keep the mapping in small pages, when it was made.</summary>
    internal bool MayBeHuge;

    /// <summary>The kernel was advised since then to keep it in small pages, because a part of it was released.</summary>
    internal bool KeptSmall;

    internal short UsedPages;

    /// <summary>Unused pages that the kernel has taken back, or never backed: they read zero.</summary>
    internal short ReleasedPages;

    /// <summary>The longest row of unused pages, by which the filler lists it; 0 if it is not in the filler.</summary>
    internal short LongestFree;

    /// <summary>The round in which the kernel last refused to take memory of it back; 0 if it never has.</summary>
    internal int RefusalRound;

    private fixed ulong _used[PageBits.Words];
    private fixed ulong _released[PageBits.Words];

    internal readonly bool IsEmpty => UsedPages == 0;

    /// <summary>Unused pages that still hold memory.</summary>
    internal readonly int BackedFreePages => PageBits.Pages - UsedPages - ReleasedPages;

    /// <summary>Starts to track a huge page that was mapped just now.</summary>
    internal void Prepare(nuint start, bool mayBeHuge)
    {
        Start = start;
        MayBeHuge = mayBeHuge;
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
            PageBits.Clear(released, first, count);
            UsedPages += (short)count;
            ReleasedPages -= (short)zero;
            return zero;
        }
    }

    /// <summary>Gives pages that are used back, with their memory or, where that is gone already, as released.</summary>
    internal void Free(int first, int count, bool released)
    {
        fixed (ulong* used = _used, gone = _released)
        {
            PageBits.Clear(used, first, count);
            UsedPages -= (short)count;
            if (released)
            {
                PageBits.Set(gone, first, count);
                ReleasedPages += (short)count;
            }
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

    // The pages that are used, or released already.
    private readonly void GetWithoutFreeMemory(ulong* pages)
    {
        for (int word = 0; word < PageBits.Words; word++)
        {
            pages[word] = _used[word] | _released[word];
        }
    }
}

namespace NativeMalloc;

/// <summary>
/// The heap's memory as spans of 8 KiB pages, packed into huge pages. It maps memory in steps that grow with the heap, keeps
/// what is freed for reuse, and gives what is too much of it back to the kernel. Addresses are never unmapped.
/// </summary>
internal unsafe struct PageHeap
{
    /// <summary>Free memory that is kept whatever the heap's size: blocks of this many bytes come and go at no cost.</summary>
    private const nint MinKeptPages = (64 << 20) >> PageMap.PageShift;

    /// <summary>And this share of what is in use.</summary>
    private const nint KeptFraction = 8;

    /// <summary>The first mapping, and the largest that is made ahead of need; between them, a sixteenth of the heap.</summary>
    private const nuint MinGrowth = 2 << 20;
    private const nuint MaxGrowth = 64 << 20;
    private const int GrowthFraction = 16;

    internal FutexLock Lock;
    private HugePageFiller _filler;
    private HugePageRuns _runs;
    private MetadataPool _spanPool;
    private nint _mappedPages;
    private nint _usedPages;
    private nint _releasedPages;

    /// <summary>Bytes of address space that the heap has mapped.</summary>
    internal readonly nuint MappedBytes => (nuint)_mappedPages << PageMap.PageShift;

    /// <summary>Bytes in spans.</summary>
    internal readonly nuint UsedBytes => (nuint)_usedPages << PageMap.PageShift;

    /// <summary>Bytes in no span that hold no memory: never touched, or given back.</summary>
    internal readonly nuint ReleasedBytes => (nuint)_releasedPages << PageMap.PageShift;

    /// <summary>Bytes in no span that hold memory: what the next spans are made of.</summary>
    internal readonly nuint FreeBytes => (nuint)BackedFreePages << PageMap.PageShift;

    private readonly nint BackedFreePages => _mappedPages - _usedPages - _releasedPages;

    /// <summary>
    /// A span, entered in the page map; null when there is no memory. <paramref name="alignment"/>, in bytes, is a power of two;
    /// anything up to a page is a page.
    /// </summary>
    internal Span* Take(nuint pages, byte sizeClass, nuint alignment)
    {
        Lock.Acquire();
        Span* span = (Span*)_spanPool.Take((nuint)sizeof(Span));
        nuint start = 0;
        bool zeroed = false;
        if (span != null)
        {
            start = alignment <= PageMap.PageSize ? TakePages(pages, out zeroed) : TakeAligned(pages, alignment, out zeroed);
            if (start == 0)
            {
                _spanPool.Give(span);
            }
        }

        Lock.Release();
        if (start == 0)
        {
            return null;
        }

        span->Start = start;
        span->Pages = pages;
        span->SizeClass = sizeClass;
        span->Zeroed = zeroed;
        PageMap.SetSpan(span);
        return span;
    }

    /// <summary>
    /// Takes a span back. <paramref name="released"/>: its pages hold no memory any more.
    /// </summary>
    internal void Give(Span* span, bool released)
    {
        PageMap.ClearSpan(span);
        Lock.Acquire();
        GivePages(span->Start, span->Pages, released);
        _spanPool.Give(span);
        ReleaseExcess();
        Lock.Release();
    }

    /// <summary>Makes a large block's span longer where it stands; false if the pages behind it are not free.</summary>
    internal bool Extend(Span* span, nuint pages)
    {
        nuint end = span->Start + span->Bytes;
        nuint more = pages - span->Pages;
        Lock.Acquire();
        bool free = AreFree(end, more);
        if (free)
        {
            UsePages(end, more);
            span->Pages = pages;
            span->Zeroed = false;
        }

        Lock.Release();
        return free;
    }

    /// <summary>Gives the last pages of a large block's span back.</summary>
    internal void Shorten(Span* span, nuint pages)
    {
        Lock.Acquire();
        GivePages(span->Start + (pages << PageMap.PageShift), span->Pages - pages, released: false);
        span->Pages = pages;
        ReleaseExcess();
        Lock.Release();
    }

    /// <summary>Gives free memory back to the kernel, at least this many bytes if there are; returns how many.</summary>
    internal nuint Release(nuint bytes)
    {
        Lock.Acquire();
        nint pages = ReleasePages((nint)(bytes >> PageMap.PageShift));
        Lock.Release();
        return (nuint)pages << PageMap.PageShift;
    }

    private nuint TakePages(nuint pages, out bool zeroed)
    {
        nuint start = FindPages(pages);
        zeroed = start != 0 && UsePages(start, pages);
        return start;
    }

    // Finds a row that holds an aligned one, and gives back what is before it and behind it.
    private nuint TakeAligned(nuint pages, nuint alignment, out bool zeroed)
    {
        nuint slack = (alignment >> PageMap.PageShift) - 1;
        nuint start = FindPages(pages + slack);
        if (start == 0)
        {
            zeroed = false;
            return 0;
        }

        nuint aligned = (start + alignment - 1) & ~(alignment - 1);
        nuint end = aligned + (pages << PageMap.PageShift);
        nuint head = (aligned - start) >> PageMap.PageShift;
        nuint tail = slack - head;
        bool headZeroed = UsePages(start, head);
        zeroed = UsePages(aligned, pages);
        bool tailZeroed = UsePages(end, tail);
        GivePages(start, head, headZeroed);
        GivePages(end, tail, tailZeroed);
        return aligned;
    }

    // The start of a row of free pages, mapped for the purpose if need be; 0 when there is no memory.
    private nuint FindPages(nuint pages)
    {
        HugePage* hugePage = pages < PageBits.Pages ? _filler.Find((int)pages) : null;
        if (hugePage != null)
        {
            return hugePage->Start + ((nuint)hugePage->FindFree((int)pages) << PageMap.PageShift);
        }

        nuint hugePages = (pages + PageBits.Pages - 1) / PageBits.Pages;
        if (hugePages >= int.MaxValue)
        {
            return 0;
        }

        HugePage* run = _runs.Find((int)hugePages);
        run = run != null ? run : Grow((int)hugePages);
        return run != null ? run->Start : 0;
    }

    // Marks free pages used, wherever they are; true if none of them held memory.
    private bool UsePages(nuint start, nuint pages)
    {
        _usedPages += (nint)pages;
        nint released = 0;
        nuint left = pages;
        while (left > 0)
        {
            HugePage* hugePage = PageMap.HugePageOf(start);
            int first = (int)(start % PageMap.HugePageSize >> PageMap.PageShift);
            int count = (int)(left < (nuint)(PageBits.Pages - first) ? left : (nuint)(PageBits.Pages - first));
            if (hugePage->IsEmpty)
            {
                // Pages are taken in ascending order, so the first huge page met of a run is the run's first.
                _runs.Cut(hugePage, 0, 1);
            }
            else
            {
                _filler.Remove(hugePage);
            }

            released += hugePage->Use(first, count);
            _filler.Add(hugePage);
            start += (nuint)count << PageMap.PageShift;
            left -= (nuint)count;
        }

        _releasedPages -= released;
        return released == (nint)pages;
    }

    private void GivePages(nuint start, nuint pages, bool released)
    {
        _usedPages -= (nint)pages;
        if (released)
        {
            _releasedPages += (nint)pages;
        }

        while (pages > 0)
        {
            HugePage* hugePage = PageMap.HugePageOf(start);
            int first = (int)(start % PageMap.HugePageSize >> PageMap.PageShift);
            int count = (int)(pages < (nuint)(PageBits.Pages - first) ? pages : (nuint)(PageBits.Pages - first));
            _filler.Remove(hugePage);
            hugePage->Free(first, count, released);
            if (hugePage->IsEmpty)
            {
                _runs.Add(hugePage, 1);
            }
            else
            {
                _filler.Add(hugePage);
            }

            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }
    }

    private static bool AreFree(nuint start, nuint pages)
    {
        while (pages > 0)
        {
            HugePage* hugePage = PageMap.HugePageOf(start);
            int first = (int)(start % PageMap.HugePageSize >> PageMap.PageShift);
            int count = (int)(pages < (nuint)(PageBits.Pages - first) ? pages : (nuint)(PageBits.Pages - first));
            if (hugePage == null || !hugePage->IsFree(first, count))
            {
                return false;
            }

            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }

        return true;
    }

    // Maps more heap; returns a free run of at least this many huge pages, or null.
    private HugePage* Grow(int hugePages)
    {
        nuint needed = (nuint)hugePages << PageMap.HugePageShift;
        nuint ahead = (MappedBytes / GrowthFraction) & ~(PageMap.HugePageSize - 1);
        ahead = ahead < MinGrowth ? MinGrowth : ahead > MaxGrowth ? MaxGrowth : ahead;
        if (!(ahead > needed && Map(ahead)) && !Map(needed))
        {
            return null;
        }

        return _runs.Find(hugePages);
    }

    // Adds that many bytes of new memory to the free runs; false when there are none, or none for their trackers.
    private bool Map(nuint bytes)
    {
        byte* start = MapHugePages(bytes);
        if (start == null)
        {
            return false;
        }

        int count = (int)(bytes >> PageMap.HugePageShift);
        HugePage* trackers = Track((nuint)start, count);
        if (trackers == null)
        {
            Os.Unmap(start, bytes);
            return false;
        }

        _mappedPages += (nint)count * PageBits.Pages;
        _releasedPages += (nint)count * PageBits.Pages;
        _runs.Add(trackers, count);
        return true;
    }

    // The trackers of a new mapping, entered in the page map; all of them or, where there is no memory, null.
    private HugePage* Track(nuint start, int count)
    {
        nuint bytes = (nuint)count * (nuint)sizeof(HugePage);
        if (!PageMap.Cover(start, (nuint)count << PageMap.HugePageShift))
        {
            return null;
        }

        HugePage* trackers = (HugePage*)Metadata.Allocate(bytes);
        for (int i = 0; trackers != null && i < count; i++)
        {
            trackers[i].Prepare(start + ((nuint)i << PageMap.HugePageShift));
            PageMap.SetHugePage(trackers + i);
        }

        return trackers;
    }

    // Address space in whole huge pages. The kernel often aligns a mapping of this size by itself.
    private static byte* MapHugePages(nuint bytes)
    {
        const nuint Mask = PageMap.HugePageSize - 1;
        byte* start = Os.Map(bytes);
        if (start == null || ((nuint)start & Mask) == 0)
        {
            return start;
        }

        Os.Unmap(start, bytes);
        start = Os.Map(bytes + Mask);
        if (start == null)
        {
            return null;
        }

        byte* aligned = (byte*)(((nuint)start + Mask) & ~Mask);
        nuint head = (nuint)(aligned - start);
        nuint tail = Mask - head;
        if (head > 0)
        {
            Os.Unmap(start, head);
        }

        if (tail > 0)
        {
            Os.Unmap(aligned + bytes, tail);
        }

        return aligned;
    }

    private void ReleaseExcess()
    {
        nint kept = _usedPages / KeptFraction;
        kept = kept < MinKeptPages ? MinKeptPages : kept;
        nint excess = BackedFreePages - kept;
        if (excess > 0)
        {
            // A little more, so that the next free does not come here again.
            ReleasePages(excess + kept / KeptFraction);
        }
    }

    // Whole free huge pages first, the longest runs before the others; then the filler's, the emptiest first.
    private nint ReleasePages(nint pages)
    {
        nint released = 0;
        for (int list = HugePageRuns.ListCount - 1; list > 0 && released < pages; list--)
        {
            for (HugePage* run = _runs.First(list); run != null && released < pages; run = run->Next)
            {
                nuint end = run->Start + ((nuint)run->RunLength << PageMap.HugePageShift);
                for (nuint start = run->Start; start < end && released < pages; start += PageMap.HugePageSize)
                {
                    released += ReleasePages(PageMap.HugePageOf(start));
                }
            }
        }

        for (int longest = PageBits.Pages - 1; longest > 0 && released < pages; longest--)
        {
            for (HugePage* hugePage = _filler.First(longest); hugePage != null && released < pages; hugePage = hugePage->Next)
            {
                released += ReleasePages(hugePage);
            }
        }

        _releasedPages += released;
        return released;
    }

    private static int ReleasePages(HugePage* hugePage) => hugePage->BackedFreePages > 0 ? hugePage->Release() : 0;
}

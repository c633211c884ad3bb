using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The heap's memory as spans of 8 KiB pages, packed into huge pages. It maps memory in steps that grow with the heap, keeps
/// what is freed for reuse, and gives the memory of what is too much of it back to the kernel: the addresses only when there are no others.
/// </summary>
internal unsafe struct PageHeap
{
    /// <summary>This share more than the excess goes back at once, so that the next free does not come to it again.</summary>
    private const nint MarginFraction = 8;

    /// <summary>The first mapping, and the largest that is made ahead of need; between them, a sixteenth of the heap.</summary>
    private const nuint MinGrowth = 2 << 20;
    private const nuint MaxGrowth = 64 << 20;
    private const int GrowthFraction = 16;

    /// <summary>Most huge pages that go back to the kernel in one step; meanwhile they cannot be allocated.</summary>
    private const int MaxReleaseStep = 32;

    private FutexLock _lock;

    // Held while memory goes back to the kernel, which happens without the other lock. Comes before it.
    private FutexLock _releaseLock;

    // Huge pages whose unused pages all hold memory, and those that have lost some of it or never had it. New spans go to the first if
    // they can, and what goes back to the kernel comes from the second: so what is whole stays whole, and may be a huge page to the kernel.
    private HugePageFiller _whole;
    private HugePageFiller _broken;
    private HugePageRuns _runs;
    private ReleasePolicy _policy;
    private MetadataPool _shortSpans;
    private MetadataPool _longSpans;
    private MetadataPool _trackers;
    private nint _mappedPages;
    private nint _usedPages;

    // Free ones that the kernel is taking back: nobody can have them meanwhile.
    private nint _leavingPages;
    private nint _releasedPages;
    private long _keptSmall;

    // What the kernel refuses to take back (mlock does that) is not offered again in the same round; and unasked, not before
    // there is more than the pages that it last left here.
    private int _refusalRound;
    private nint _refusedPages;

    /// <summary>Bytes of address space that the heap has mapped.</summary>
    internal readonly nuint MappedBytes => (nuint)_mappedPages << PageMap.PageShift;

    /// <summary>Bytes in spans.</summary>
    internal readonly nuint UsedBytes => (nuint)_usedPages << PageMap.PageShift;

    /// <summary>More is in spans than NATIVEMALLOC_SOFT_LIMIT would have.</summary>
    internal readonly bool IsAboveSoftLimit => UsedBytes > Options.SoftLimit;

    /// <summary>Bytes in no span that hold no memory: never touched, or given back.</summary>
    internal readonly nuint ReleasedBytes => (nuint)_releasedPages << PageMap.PageShift;

    /// <summary>Bytes in no span that hold memory: what the next spans are made of.</summary>
    internal readonly nuint FreeBytes => (nuint)(BackedPages - _usedPages) << PageMap.PageShift;

    private readonly nint BackedPages => _mappedPages - _releasedPages;

    private readonly nint BackedFreePages => BackedPages - _usedPages - _leavingPages;

    /// <summary>
    /// A span, entered in the page map; null when there is no memory. <paramref name="alignment"/>, in bytes, is a power of two;
    /// anything up to a page is a page.
    /// </summary>
    /// <remarks>Null also beyond the limit (NATIVEMALLOC_LIMIT), of which pages that the caller has and will give for them do not count.</remarks>
    internal Span* Take(nuint pages, byte sizeClass, nuint alignment, nuint instead = 0)
    {
        _lock.Acquire(LockOrder.PageHeap);
        Span* span = Admits(pages - instead) ? (Span*)PoolOf(ref this, sizeClass).Take(Span.BytesFor(sizeClass)) : null;
        nuint start = 0;
        if (span != null)
        {
            nint backed = BackedPages;
            start = alignment <= PageMap.PageSize ? TakePages(pages) : TakeAligned(pages, alignment);
            _policy.OnTaken(_usedPages, BackedFreePages, BackedPages - backed);
            if (start == 0)
            {
                PoolOf(ref this, sizeClass).Give(span);
            }
        }

        EndTake();
        if (start == 0)
        {
            return null;
        }

        span->Start = start;
        span->Pages = pages;
        span->SizeClass = sizeClass;
        PageMap.SetSpan(span);
        return span;
    }

    /// <summary>
    /// Takes a span back. <paramref name="released"/>: its pages hold no memory any more.
    /// </summary>
    internal void Give(Span* span, bool released)
    {
        PageMap.ClearSpan(span);
        _lock.Acquire(LockOrder.PageHeap);
        GivePages(span->Start, span->Pages, released ? PageContents.None : PageContents.Some);
        PoolOf(ref this, span->SizeClass).Give(span);
        EndGive();
    }

    /// <summary>Takes some of a span's pages back. The span stays as it is, but for what the page map says.</summary>
    internal void GivePart(Span* span, int first, int count)
    {
        nuint start = span->Start + ((nuint)first << PageMap.PageShift);
        PageMap.ClearPages(start, count);
        _lock.Acquire(LockOrder.PageHeap);
        GivePages(start, (nuint)count, PageContents.Some);
        EndGive();
    }

    /// <summary>Ends a span whose pages were all given by parts.</summary>
    internal void Forget(Span* span)
    {
        _lock.Acquire(LockOrder.PageHeap);
        PoolOf(ref this, span->SizeClass).Give(span);
        _lock.Release();
    }

    /// <summary>
    /// How many pages, of those in spans, may wait for their next use beside the free ones. Without the lock: a guess.
    /// </summary>
    internal readonly nuint KeepablePages => _policy.Kept(_usedPages) - BackedFreePages is var pages && pages > 0 ? (nuint)pages : 0;

    /// <summary>Whether so many pages can be had that hold memory already, as far as can be told without the lock.</summary>
    internal readonly bool HasBacked(nuint pages) => (nint)pages <= BackedFreePages;

    /// <summary>Makes a large block's span longer where it stands; false if the pages behind it are not free.</summary>
    internal bool Extend(Span* span, nuint pages)
    {
        nuint end = span->Start + span->Bytes;
        nuint more = pages - span->Pages;
        _lock.Acquire(LockOrder.PageHeap);
        bool free = Admits(more) && AreFree(end, more);
        if (free)
        {
            nint backed = BackedPages;
            UsePages(end, more);
            _policy.OnTaken(_usedPages, BackedFreePages, BackedPages - backed);
            span->Pages = pages;
        }

        EndTake();
        return free;
    }

    /// <summary>Gives the last pages of a large block's span back.</summary>
    internal void Shorten(Span* span, nuint pages)
    {
        _lock.Acquire(LockOrder.PageHeap);
        GivePages(span->Start + (pages << PageMap.PageShift), span->Pages - pages, PageContents.Some);
        span->Pages = pages;
        EndGive();
    }

    /// <summary>
    /// Gives free memory back to the kernel, at least this many bytes if there are, also what it refused before; returns how many.
    /// </summary>
    internal nuint Release(nuint bytes)
    {
        _releaseLock.Acquire(LockOrder.Release);
        nint pages = ReleasePages((nint)(bytes >> PageMap.PageShift));
        _releaseLock.Release();
        return (nuint)pages << PageMap.PageShift;
    }

    /// <summary>Every so often: of what has lain idle since the last time, some goes back to the kernel.</summary>
    internal void EndPeriod()
    {
        _lock.Acquire(LockOrder.PageHeap);
        nint idle = _policy.EndPeriod(BackedFreePages);
        idle = BackedFreePages > _refusedPages ? idle : 0;
        _lock.Release();
        ReleaseExcess(idle);
    }

    internal void CloseForFork()
    {
        ForkGate.Close(LockOrder.Release);
        _releaseLock.AwaitFree();
        ForkGate.Close(LockOrder.PageHeap);
        _lock.AwaitFree();
    }

    internal void FreeLocksInChild()
    {
        _releaseLock.FreeInChild();
        _lock.FreeInChild();
    }

    private static ref HugePageFiller FillerOf(ref PageHeap heap, HugePage* hugePage) =>
        ref hugePage->ReleasedPages == 0 ? ref heap._whole : ref heap._broken;

    private static ref MetadataPool PoolOf(ref PageHeap heap, byte sizeClass) =>
        ref Span.BytesFor(sizeClass) < (nuint)sizeof(Span) ? ref heap._shortSpans : ref heap._longSpans;

    private readonly bool Admits(nuint pages) =>
        Options.Limit == Options.NoLimit
        || (pages << PageMap.PageShift) + UsedBytes + Metadata.UsedBytes <= Options.Limit;

    // After pages were taken: frees the lock, and where there is a limit, or the heap is small, makes way for them.
    private void EndTake()
    {
        bool exchange = !_policy.IsLimited;
        nint excess = exchange ? ExchangeablePages : ExcessPages;
        _lock.Release();
        ReleaseExcess(excess, exchange);
    }

    // After pages were given: frees the lock, and gives back to the kernel what is too much.
    private void EndGive()
    {
        _policy.OnGiven(BackedFreePages);
        nint excess = ExcessPages;
        _lock.Release();
        ReleaseExcess(excess);
    }

    private nuint TakePages(nuint pages)
    {
        nuint start = FindPages(pages);
        if (start != 0)
        {
            UsePages(start, pages);
        }

        return start;
    }

    // Finds a row that holds an aligned one, and gives back what is before it and behind it.
    private nuint TakeAligned(nuint pages, nuint alignment)
    {
        nuint slack = (alignment >> PageMap.PageShift) - 1;
        if (alignment <= PageMap.HugePageSize && pages + slack >= PageBits.Pages)
        {
            slack = 0; // huge pages are aligned as they are
        }

        nuint start = slack > 0 ? FindPages(pages + slack) : FindHugePages(pages);
        if (start == 0)
        {
            return 0;
        }

        nuint aligned = (start + alignment - 1) & ~(alignment - 1);
        nuint end = aligned + (pages << PageMap.PageShift);
        nuint head = (aligned - start) >> PageMap.PageShift;
        nuint tail = slack - head;
        UsePages(start, head + pages + tail);
        GivePages(start, head, PageContents.Same);
        GivePages(end, tail, PageContents.Same);
        return aligned;
    }

    // The start of a row of free pages, mapped for the purpose if need be; 0 when there is no memory.
    private nuint FindPages(nuint pages)
    {
        int wanted = pages < PageBits.Pages ? (int)pages : PageBits.Pages;
        HugePage* hugePage = _whole.Find(wanted);
        hugePage = hugePage != null ? hugePage : _broken.Find(wanted);
        if (hugePage != null)
        {
            return hugePage->Start + ((nuint)hugePage->FindFree(wanted) << PageMap.PageShift);
        }

        return FindHugePages(pages);
    }

    // As FindPages, from the start of a huge page on.
    private nuint FindHugePages(nuint pages)
    {
        nuint hugePages = (pages + PageBits.Pages - 1) / PageBits.Pages;
        if (hugePages >= int.MaxValue)
        {
            return 0;
        }

        HugePage* run = _runs.Find((int)hugePages);
        run = run != null ? run : Grow((int)hugePages);
        return run != null ? run->Start : 0;
    }

    // Marks free pages used, wherever they are.
    private void UsePages(nuint start, nuint pages)
    {
        _usedPages += (nint)pages;
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out int first, out int count);
            if (hugePage->IsEmpty)
            {
                // Pages are taken in ascending order, so the first huge page met of a run is the run's first.
                int whole = WholeHugePages(pages);
                whole = whole < hugePage->RunLength ? whole : hugePage->RunLength;
                _runs.Cut(hugePage, 0, whole > 1 ? whole : 1);
                for (; whole > 1; whole--, start += PageMap.HugePageSize, pages -= PageBits.Pages)
                {
                    _releasedPages -= PageMap.HugePageOf(start)->UseAll();
                }

                hugePage = PageMap.HugePageOf(start);
            }
            else
            {
                FillerOf(ref this, hugePage).Remove(hugePage);
            }

            _releasedPages -= hugePage->Use(first, count);
            FillerOf(ref this, hugePage).Add(hugePage);
            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }
    }

    private void GivePages(nuint start, nuint pages, PageContents contents)
    {
        _usedPages -= (nint)pages;
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out int first, out int count);
            FillerOf(ref this, hugePage).Remove(hugePage);
            _releasedPages += hugePage->Free(first, count, contents);
            if (hugePage->IsEmpty)
            {
                int length = 1;
                for (; WholeHugePages(pages) > 1 && first == 0; length++, start += PageMap.HugePageSize, pages -= PageBits.Pages)
                {
                    _releasedPages += Neighbour(hugePage, length)->FreeAll(contents);
                }

                _runs.Add(hugePage, length);
            }
            else
            {
                FillerOf(ref this, hugePage).Add(hugePage);
            }

            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }
    }

    private static int WholeHugePages(nuint pages) => (int)(pages / PageBits.Pages);

    private static bool AreFree(nuint start, nuint pages)
    {
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out int first, out int count);
            if (hugePage == null || !hugePage->IsFree(first, count))
            {
                return false;
            }

            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }

        return true;
    }

    // The huge page that a row begins in, and which of its pages belong to the row.
    private static HugePage* PartOf(nuint start, nuint pages, out int first, out int count)
    {
        first = (int)(start % PageMap.HugePageSize >> PageMap.PageShift);
        int most = PageBits.Pages - first;
        count = pages < (nuint)most ? (int)pages : most;
        return PageMap.HugePageOf(start);
    }

    // Maps more heap; returns a free run of at least this many huge pages, or null.
    private HugePage* Grow(int hugePages)
    {
        nuint needed = (nuint)hugePages << PageMap.HugePageShift;
        nuint ahead = (MappedBytes / GrowthFraction) & ~(PageMap.HugePageSize - 1);
        ahead = ahead < MinGrowth ? MinGrowth : ahead > MaxGrowth ? MaxGrowth : ahead;
        bool mapped = (ahead > needed && Map(ahead)) || Map(needed);
        if (!mapped && CanMapWithoutRuns(needed))
        {
            UnmapRuns();
            mapped = Map(needed);
        }

        return mapped ? _runs.Find(hugePages) : null;
    }

    // There may be a limit (RLIMIT_AS, the kernel's on what is committed), of which the runs leave too little: with as much more as they
    // hold, so many bytes can be mapped. Where nothing at all can be, as in a sandbox, the runs would be lost.
    private readonly bool CanMapWithoutRuns(nuint bytes)
    {
        nuint runs = _runs.Count() << PageMap.HugePageShift;
        return runs > 0 && Os.CanMap(bytes > runs ? bytes - runs : PageMap.PageSize);
    }

    // Adds that many bytes of new memory to the free runs; false when there are none, or none for their trackers.
    private bool Map(nuint bytes)
    {
        byte* start = MapHugePages(bytes);
        if (start == null)
        {
            return false;
        }

        if (!Track((nuint)start, bytes, HugePageAdvice.OnMapped(start, bytes, MappedBytes + bytes)))
        {
            Os.Unmap(start, bytes);
            return false;
        }

        nint pages = (nint)(bytes >> PageMap.PageShift);
        _mappedPages += pages;
        _releasedPages += pages;
        _runs.Add(PageMap.HugePageOf((nuint)start), (int)(bytes >> PageMap.HugePageShift));
        return true;
    }

    // Enters the trackers of a new mapping in the page map; none where there is no memory for all of them.
    private bool Track(nuint start, nuint bytes, bool mayBeHuge)
    {
        if (!PageMap.Cover(start, bytes))
        {
            return false;
        }

        for (nuint next = start; next < start + bytes; next += PageMap.HugePageSize)
        {
            HugePage* hugePage = (HugePage*)_trackers.Take((nuint)sizeof(HugePage));
            if (hugePage == null)
            {
                Untrack(start, next - start);
                return false;
            }

            hugePage->Prepare(next, mayBeHuge);
            PageMap.SetHugePage(next, hugePage);
        }

        return true;
    }

    private void Untrack(nuint start, nuint bytes)
    {
        for (nuint next = start; next < start + bytes; next += PageMap.HugePageSize)
        {
            HugePage* hugePage = PageMap.HugePageOf(next);
            PageMap.SetHugePage(next, null);
            _trackers.Give(hugePage);
        }
    }

    // Gives the addresses of all runs back to the kernel, as far as it takes them.
    private void UnmapRuns()
    {
        for (int list = HugePageRuns.ListCount - 1; list > 0; list--)
        {
            HugePage* next;
            for (HugePage* run = _runs.First(list); run != null; run = next)
            {
                next = run->Next;
                nuint start = run->Start;
                int length = run->RunLength;
                nuint bytes = (nuint)length << PageMap.HugePageShift;
                if (!Os.Unmap((byte*)start, bytes))
                {
                    continue; // it would be one mapping too many
                }

                for (int i = 0; i < length; i++)
                {
                    HugePage* hugePage = Neighbour(run, i);
                    _releasedPages -= hugePage->ReleasedPages;
                    Interlocked.Add(ref _keptSmall, hugePage->KeptSmall ? -1 : 0);
                }

                _mappedPages -= (nint)length * PageBits.Pages;
                _runs.Cut(run, 0, length);
                Untrack(start, bytes);
            }
        }

        _refusedPages = 0;
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

    // Free memory beyond what is kept, and some more.
    private readonly nint ExcessPages
    {
        get
        {
            nint kept = _policy.Kept(_usedPages);
            nint margin = kept / MarginFraction;
            return BackedFreePages > kept && BackedFreePages > _refusedPages + margin ? BackedFreePages - kept + margin : 0;
        }
    }

    private readonly nint ExchangeablePages =>
        HugePageAdvice.IsSmall(MappedBytes) && BackedFreePages > _refusedPages ? _policy.Exchangeable(_usedPages, BackedFreePages) : 0;

    private void ReleaseExcess(nint pages, bool exchange = false)
    {
        // Where another thread is at it already, there is nothing to wait for.
        if (pages > 0 && _releaseLock.TryAcquire(LockOrder.Release))
        {
            ReleasePages(pages, exchange);
            _releaseLock.Release();
        }
    }

    // The pages are in use while the kernel takes them back, so that nobody has to wait for it.
    private nint ReleasePages(nint pages, bool exchange = false)
    {
        nint released = 0;
        bool refused = false;
        _lock.Acquire(LockOrder.PageHeap);
        _refusalRound++;
        while (released < pages && FindBacked(pages - released, out nuint start, out nuint count))
        {
            UsePages(start, count);
            SetLeaving((nint)count);
            _lock.Release();
            bool done = Promises.Release((byte*)start, count << PageMap.PageShift);
            if (done)
            {
                AdviseAfterRelease(start, count);
            }

            _lock.Acquire(LockOrder.PageHeap);
            SetLeaving(-(nint)count);
            GivePages(start, count, done ? PageContents.None : PageContents.Some);
            if (done)
            {
                released += (nint)count;
                _policy.OnReleased((nint)count, exchange);
            }
            else
            {
                refused = true;
                MarkRefused(start, count);
            }
        }

        _refusedPages = refused ? BackedFreePages : 0;
        _lock.Release();
        return released;
    }

    // Pages that are marked used are leaving, or do not any more: they count against no limit.
    private void SetLeaving(nint pages)
    {
        _usedPages -= pages;
        _leavingPages += pages;
    }

    private void AdviseAfterRelease(nuint start, nuint pages)
    {
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out _, out int count);
            Interlocked.Add(ref _keptSmall, HugePageAdvice.OnReleased(hugePage, count, _keptSmall, BackedPages));
            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }
    }

    // Free pages that all hold memory: whole huge pages first, of the longest runs before the others, and no more than are
    // wanted; then a row of the filler's, of the emptiest huge page first.
    private bool FindBacked(nint wanted, out nuint start, out nuint pages)
    {
        for (int list = HugePageRuns.ListCount - 1; list > 0; list--)
        {
            for (HugePage* run = _runs.First(list); run != null; run = run->Next)
            {
                int first = 0;
                while (first < run->RunLength && !CanRelease(Neighbour(run, first)))
                {
                    first++;
                }

                if (first == run->RunLength)
                {
                    continue;
                }

                HugePage* hugePage = Neighbour(run, first);
                if (first > 0)
                {
                    _runs.Cut(run, first, 0); // what is taken begins a run
                }

                if (hugePage->ReleasedPages > 0)
                {
                    hugePage->FindBacked(out start, out pages);
                    return true;
                }

                int most = wanted < MaxReleaseStep * PageBits.Pages ? ((int)wanted + PageBits.Pages - 1) / PageBits.Pages : MaxReleaseStep;
                int length = 1;
                while (length < most && length < hugePage->RunLength && Neighbour(hugePage, length) is var next
                    && CanRelease(next) && next->ReleasedPages == 0)
                {
                    length++;
                }

                start = hugePage->Start;
                pages = (nuint)length * PageBits.Pages;
                return true;
            }
        }

        return FindBacked(in _broken, out start, out pages) || FindBacked(in _whole, out start, out pages);
    }

    // A row of free pages that hold memory, of the huge page with the longest free row.
    private readonly bool FindBacked(in HugePageFiller filler, out nuint start, out nuint pages)
    {
        for (int longest = PageBits.Pages - 1; longest > 0; longest--)
        {
            for (HugePage* hugePage = filler.First(longest); hugePage != null; hugePage = hugePage->Next)
            {
                if (CanRelease(hugePage))
                {
                    hugePage->FindBacked(out start, out pages);
                    return true;
                }
            }
        }

        start = 0;
        pages = 0;
        return false;
    }

    private readonly bool CanRelease(HugePage* hugePage) => hugePage->BackedFreePages > 0 && hugePage->RefusalRound != _refusalRound;

    private readonly void MarkRefused(nuint start, nuint pages)
    {
        nuint end = start + (pages << PageMap.PageShift);
        for (; start < end; start += PageMap.HugePageSize)
        {
            PageMap.HugePageOf(start)->RefusalRound = _refusalRound;
        }
    }

    private static HugePage* Neighbour(HugePage* run, int distance) =>
        PageMap.HugePageOf(run->Start + (nuint)distance * PageMap.HugePageSize);
}

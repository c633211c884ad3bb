using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The heap's memory as spans of 8 KiB pages, packed into huge pages. It maps memory in steps that grow with the heap, keeps
/// what is freed for reuse, and gives the memory of what is too much of it back to the kernel: the addresses only when there are no others.
/// </summary>
internal unsafe struct PageHeap
{
    /// <summary>The first mapping, and the largest that is made ahead of need; between them, a sixteenth of the heap.</summary>
    private const nuint MinGrowth = 2 << 20;
    private const nuint MaxGrowth = 64 << 20;
    private const int GrowthFraction = 16;

    /// <summary>Pages that go back to the kernel in one step, and in one call beyond what was freed in it. Meanwhile they cannot be allocated.</summary>
    private const nint MaxReleaseStep = (nint)(Promises.ReleaseStep >> PageMap.PageShift);

    /// <summary>So often, for a millisecond, who finds no memory waits for what is leaving.</summary>
    internal const int MostWaits = 8;

    /// <summary>A row of so many pages (1 GiB) is given at once; of a longer one, others may come in between.</summary>
    private const nuint MostGivenAtOnce = ((nuint)1 << 30) >> PageMap.PageShift;

    private FutexLock _lock;

    // Held while the heap grows, which happens without the other lock. Comes before it.
    private FutexLock _growthLock;

    // Huge pages whose unused pages all hold memory, those that have lost some of it or never had it, and those with none to give. New spans
    // go to the first if they can, and what goes back to the kernel comes from the second: so what is whole stays whole, and may be a huge page
    // to the kernel.
    private HugePageFiller _whole;
    private HugePageFiller _broken;
    private HugePageFiller _bare;
    private HugePageRuns _runs;
    private HugePageSeams _seams;
    private HeapMappings _mappings;
    private ReleasePolicy _policy;
    private ShortRows _shortRows;
    private MetadataPool _shortSpans;
    private MetadataPool _longSpans;
    private MetadataPool _trackers;
    private PageCounts _counts;
    private HeapUse _use;
    private long _keptSmall;
    private nint _movedMappings;

    // Bytes in spans that hold no memory any more; not under the lock.
    private long _holes;

    // Free ones that the kernel did not take back: mlock does that. Once it has refused, nothing is offered unasked in the same period.
    private nint _refusedPages;
    private bool _refuses;

    // What should go back, for who has no lock.
    private nint _duePages;

    /// <summary>Bytes of address space that the heap has mapped.</summary>
    internal readonly nuint MappedBytes => _counts.MappedBytes;

    /// <summary>Bytes in spans.</summary>
    internal readonly nuint UsedBytes => _counts.UsedBytes;

    /// <summary>There is free memory that should go back to the kernel (<see cref="ReleaseExcess"/>).</summary>
    internal readonly bool HasExcess => _duePages > 0;

    /// <summary>More memory is in spans than NATIVEMALLOC_SOFT_LIMIT would have.</summary>
    internal readonly bool IsAboveSoftLimit => UsedBytesButHoles > Options.SoftLimit;

    /// <summary>Bytes in spans but for those that the kernel has back.</summary>
    internal readonly nuint UsedBytesButHoles => UsedBytes - (nuint)Volatile.Read(in _holes);

    /// <summary>Bytes in no span that hold no memory: never touched, or given back.</summary>
    internal readonly nuint ReleasedBytes => _counts.ReleasedBytes;

    /// <summary>The same, for who looks from outside.</summary>
    internal static PageCounts* CountsOf(PageHeap* pages) => &pages->_counts;

    /// <summary>Bytes in no span that hold memory: what the next spans are made of.</summary>
    internal readonly nuint FreeBytes => (nuint)(BackedPages - _counts.Used) << PageMap.PageShift;

    private readonly nint BackedPages => _counts.Mapped - _counts.Released;

    // There is an option that limits how much memory the heap may have, in use and free.
    private static bool IsLimited => Options.Limit != Options.NoLimit || Options.SoftLimit != Options.NoLimit;

    // So many pages more it may have than are in use. Those in spans that the kernel has back count for the limit alone: they may be taken at any time.
    private readonly nint LimitRoom
    {
        get
        {
            nint most = (nint)(Options.Limit >> PageMap.PageShift);
            nint should = (nint)(Options.SoftLimit >> PageMap.PageShift) + (nint)((nuint)Volatile.Read(in _holes) >> PageMap.PageShift);
            return (most < should ? most : should) - (nint)(Metadata.TouchedBytes >> PageMap.PageShift) - _counts.Used;
        }
    }

    private readonly nint BackedFreePages => BackedPages - _counts.Used - _counts.Leaving;

    /// <summary>From here to <see cref="LeaveAsItIs"/> no page is taken or given.</summary>
    internal void KeepAsItIs() => _lock.Acquire();

    internal void LeaveAsItIs() => _lock.Release();

    /// <summary>
    /// A span, entered in the page map; null when there is no memory. <paramref name="alignment"/>, in bytes, is a power of two;
    /// anything up to a page is a page.
    /// </summary>
    /// <remarks>Null also beyond the limit (NATIVEMALLOC_LIMIT), of which pages that the caller has and will give for them do not count.</remarks>
    internal Span* Take(nuint pages, byte sizeClass, nuint alignment, nuint instead = 0)
    {
        _lock.Acquire();
        Span* span = Admits(pages - instead) ? (Span*)PoolOf(ref this, sizeClass).Take(Span.BytesFor(sizeClass)) : null;
        nuint start = 0;
        if (span != null)
        {
            nint backed;
            int patience = MostWaits;
            do
            {
                backed = BackedPages;
                start = TakePages(pages, sizeClass, alignment);
            }
            while (start == 0 && (Grow(pages, alignment, sizeClass) || AwaitLeaving(ref patience)) && Admits(pages - instead));

            if (start == 0 && sizeClass == 0 && alignment <= PageMap.PageSize && Admits(pages - instead))
            {
                backed = BackedPages;
                start = FindAroundAny(pages);
                UsePages(start, start != 0 ? pages : 0);
            }

            _policy.OnTaken(BackedFreePages, start != 0 ? BackedPages - backed : 0);
            if (start != 0)
            {
                _shortRows.OnTaken(_counts.Used, sizeClass != 0 ? BackedPages - backed : 0);
                _use.Add(pages, sizeClass);
            }
            else
            {
                PoolOf(ref this, sizeClass).Give(span);
            }
        }

        End();
        if (start == 0)
        {
            return null;
        }

        AdviseTaken(start, pages, sizeClass);
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
        _lock.Acquire();
        _use.Remove(span->Pages, span->SizeClass);
        PageContents contents = released ? PageContents.None : PageContents.Some;
        nuint start = span->Start;
        nuint pages = span->Pages;
        for (; pages > MostGivenAtOnce; pages -= MostGivenAtOnce, start += MostGivenAtOnce << PageMap.PageShift)
        {
            GivePages(start, MostGivenAtOnce, contents);
            _lock.Release();
            _lock.Acquire();
        }

        if (span->SizeClass != 0 && span->Holes != 0)
        {
            GiveAmongHoles(span);
        }
        else
        {
            GivePages(start, pages, contents);
        }

        PoolOf(ref this, span->SizeClass).Give(span);
        EndGive();
    }

    /// <summary>Takes some pages of a span of small objects back, which are out of the page map. The span stays as it is.</summary>
    internal void GivePart(nuint start, nuint pages, PageContents contents)
    {
        _lock.Acquire();
        _use.Remove(pages, sizeClass: 1); // of small objects, whichever
        GivePages(start, pages, contents);
        EndGive();
    }

    /// <summary>So many bytes more in spans are holes, or fewer.</summary>
    internal void CountHoles(nint bytes) => Interlocked.Add(ref _holes, bytes);

    /// <summary>
    /// Gives the memory of a part of a span back to the kernel, in which nothing lies and which nobody can have meanwhile; true if it reads
    /// zero from now on. For this heap the pages are used as before.
    /// </summary>
    internal bool ReleaseInSpan(nuint start, nuint bytes)
    {
        bool done = Promises.ReleaseAtOnce((byte*)start, bytes);
        if (done)
        {
            AdviseReleased(PageMap.HugePageOf(start), 0);
        }

        return done;
    }

    /// <summary>Ends a span whose pages were all given by parts.</summary>
    internal void Forget(Span* span)
    {
        _lock.Acquire();
        PoolOf(ref this, span->SizeClass).Give(span);
        _lock.Release();
    }

    /// <summary>Whether so many pages, of those in spans, may wait for their next use beside the free ones. Without the lock: a guess.</summary>
    internal readonly bool MayKeep(nuint pages) => (nint)pages <= _policy.Kept(_counts.Used - (nint)pages, LimitRoom) - BackedFreePages;

    /// <summary>Whether the next so many pages would come from a free row that holds memory already.</summary>
    internal bool HasBacked(nuint pages, byte sizeClass, nuint alignment)
    {
        if ((nint)pages > BackedFreePages)
        {
            return false;
        }

        _lock.Acquire();
        nuint start = FindRow(pages, sizeClass, alignment);
        bool backed = start != 0 && AreBacked(AlignUp(start, alignment), pages);
        _lock.Release();
        return backed;
    }

    /// <summary>Makes a large block's span longer where it stands; false if the pages behind it are not free.</summary>
    internal bool Extend(Span* span, nuint pages)
    {
        nuint end = span->Start + span->Bytes;
        nuint more = pages - span->Pages;
        _lock.Acquire();
        bool free = Admits(more) && AreFree(end, more);
        if (free)
        {
            nint backed = BackedPages;
            UsePages(end, more);
            _policy.OnTaken(BackedFreePages, BackedPages - backed);
            _shortRows.OnTaken(_counts.Used, 0);
            SetPages(span, pages);
        }

        End();
        if (free)
        {
            AdviseTaken(end, more, 0);
        }

        return free;
    }

    /// <summary>Gives the last pages of a large block's span back. <paramref name="released"/>: as in <see cref="Give"/>.</summary>
    internal void Shorten(Span* span, nuint pages, bool released)
    {
        _lock.Acquire();
        GivePages(span->Start + (pages << PageMap.PageShift), span->Pages - pages, released ? PageContents.None : PageContents.Some);
        SetPages(span, pages);
        EndGive();
    }

    /// <summary>So many more mappings does the process have because of those that the kernel moved into the heap.</summary>
    internal readonly nint MovedMappings => _movedMappings;

    /// <summary>Whole huge pages in a span were moved here, as one mapping, or were mapped anew as a part of the heap.</summary>
    internal void NoteMoved(nuint start, nuint pages, bool moved)
    {
        HugePage* first = PageMap.HugePageOf(start);
        _lock.Acquire();
        for (nuint done = 0; done < pages; done += PageBits.Pages)
        {
            HugePage* hugePage = PageMap.HugePageOf(start + (done << PageMap.PageShift));
            hugePage->Moved = moved;
            SetBeginsMapping(hugePage, false);
        }

        HugePage* before = HugePageRuns.Neighbour(first, -1);
        HugePage* behind = PageMap.HugePageOf(start + (pages << PageMap.PageShift));
        SetBeginsMapping(first, moved || (before != null && before->Moved));
        SetBeginsMapping(behind, moved || (behind != null && behind->Moved));
        _lock.Release();
    }

    /// <summary>
    /// Gives free memory back to the kernel, at least this many bytes if there are, also what it refused before; returns how many.
    /// </summary>
    internal nuint Release(nuint bytes)
    {
        _lock.Acquire();
        ForgetRefusals();
        nint pages = (nint)(bytes >> PageMap.PageShift);
        nint released = 0;
        nint toOffer = BackedFreePages; // others may free more and more, and what is refused could be offered again and again
        while (released < pages && toOffer > 0 && !ForkGate.IsClosedTo(Shim.Thread())
            && TryReleaseStep(pages - released, out nint count, out nint offered))
        {
            released += count;
            toOffer -= offered;
        }

        End();
        return (nuint)released << PageMap.PageShift;
    }

    /// <summary>
    /// Gives free memory that is too much back to the kernel: as much as the caller freed just now, and a step of what others left. Where memory
    /// is limited, all of it. No lock is held.
    /// </summary>
    internal void ReleaseExcess(nuint freedPages)
    {
        _lock.Acquire();
        nint most = IsLimited ? _counts.Mapped : (nint)freedPages + MaxReleaseStep;
        nint due = DuePages(out bool exchange);
        due = due < most ? due : most;
        while (due > 0 && !_refuses && !ForkGate.IsClosedTo(Shim.Thread()) && TryReleaseStep(due, out nint count, out _))
        {
            due -= count;
            if (exchange)
            {
                _shortRows.OnReleased(count);
            }
            else
            {
                _policy.OnReleased(count);
            }
        }

        End();
    }

    /// <summary>So many periods have ended: what has lain idle for long enough should go back to the kernel.</summary>
    internal void EndPeriods(int ended)
    {
        _lock.Acquire();
        _refuses = false;
        _shortRows.EndPeriods();
        _policy.EndPeriods(ended, BackedFreePages, (nint)Options.ReleaseRate);
        End();
    }

    /// <summary>What was mapped before the options were read is advised as they say.</summary>
    internal void AdviseAnew()
    {
        _growthLock.Acquire();
        PageAdvice advice = HugePageAdvice.ForMapping(0, 0, IsLimited, in _use);
        nuint start = 0;
        for (HugePage* next = PageMap.NextHugePage(ref start); next != null;)
        {
            next->Advice = advice;
            HugePageAdvice.Give((byte*)start, PageMap.HugePageSize, advice);
            start += PageMap.HugePageSize;
            next = PageMap.NextHugePage(ref start);
        }

        _growthLock.Release();
    }

    private static ref HugePageFiller FillerOf(ref PageHeap heap, HugePage* hugePage) =>
        ref !hugePage->HasMemoryToGive ? ref heap._bare : ref hugePage->ReleasedPages == 0 ? ref heap._whole : ref heap._broken;

    private static ref MetadataPool PoolOf(ref PageHeap heap, byte sizeClass) =>
        ref Span.BytesFor(sizeClass) < (nuint)sizeof(Span) ? ref heap._shortSpans : ref heap._longSpans;

    private readonly bool Admits(nuint pages) =>
        Options.Limit == Options.NoLimit
        || (pages << PageMap.PageShift) + UsedBytes + Metadata.TouchedBytes <= Options.Limit;

    // A large block's.
    private void SetPages(Span* span, nuint pages)
    {
        _use.Remove(span->Pages, span->SizeClass);
        _use.Add(pages, span->SizeClass);
        span->Pages = pages;
    }

    // After pages were given.
    private void EndGive()
    {
        _policy.OnGiven(BackedFreePages);
        End();
    }

    // Frees the lock, and leaves a note of what should go back to the kernel.
    private void End()
    {
        _duePages = DuePages(out _);
        _lock.Release();
    }

    // Takes an aligned row, and gives back what was found before it and behind it.
    private nuint TakePages(nuint pages, byte sizeClass, nuint alignment)
    {
        nuint start = FindRow(pages, sizeClass, alignment);
        if (start == 0)
        {
            return 0;
        }

        nuint slack = SlackFor(pages, alignment);
        UsePages(start, pages + slack);
        if (slack == 0)
        {
            return start;
        }

        nuint aligned = AlignUp(start, alignment);
        nuint head = (aligned - start) >> PageMap.PageShift;
        GivePages(start, head, PageContents.Same);
        GivePages(aligned + (pages << PageMap.PageShift), slack - head, PageContents.Same);
        return aligned;
    }

    // The start of a free row that holds an aligned one, or 0.
    private nuint FindRow(nuint pages, byte sizeClass, nuint alignment)
    {
        nuint slack = SlackFor(pages, alignment);
        return slack > 0 ? FindPages(pages + slack)
            : alignment > PageMap.PageSize ? FindHugePages(pages)
            : sizeClass == 0 ? FindLarge(pages)
            : FindPages(pages);
    }

    private static nuint AlignUp(nuint start, nuint alignment) => (start + alignment - 1) & ~(alignment - 1);

    // The start of a row of free pages, or 0.
    private nuint FindPages(nuint pages)
    {
        int wanted = pages < PageBits.Pages ? (int)pages : PageBits.Pages;
        HugePage* hugePage = _whole.Find(wanted);
        hugePage = hugePage != null ? hugePage : Tightest(_broken.Find(wanted), _bare.Find(wanted));
        if (hugePage != null)
        {
            return hugePage->Start + ((nuint)hugePage->FindFree(wanted) << PageMap.PageShift);
        }

        return FindHugePages(pages);
    }

    // As FindPages, from the start of a huge page on.
    private nuint FindHugePages(nuint pages)
    {
        HugePage* run = HugePagesFor(pages) is var count && count <= PageMap.MostHugePages ? _runs.Find((int)count) : null;
        return run != null ? run->Start : 0;
    }

    // As FindPages, also a row that reaches over the border of huge pages.
    private nuint FindLarge(nuint pages)
    {
        HugePage* within = pages <= PageBits.Pages ? _whole.Find((int)pages) : null;
        HugePage* seam = _seams.Find(pages);
        bool backed = seam != null && (seam->ReleasedPages | HugePageRuns.Neighbour(seam, 1)->ReleasedPages) == 0;
        if (within == null && !backed)
        {
            within = pages <= PageBits.Pages ? Tightest(_broken.Find((int)pages), _bare.Find((int)pages)) : null;
            backed = true;
        }

        if (seam != null && backed && (within == null || seam->Seam < within->LongestFree))
        {
            return seam->Start + ((nuint)(PageBits.Pages - seam->FreeAtEnd) << PageMap.PageShift);
        }

        return within != null ? within->Start + ((nuint)within->FindFree((int)pages) << PageMap.PageShift) : FindLargeRun(pages);
    }

    // The start of whole huge pages, or of the free pages before them: it may be that with these, and those behind, one or two huge pages fewer will do.
    private nuint FindLargeRun(nuint pages)
    {
        nuint count = HugePagesFor(pages);
        if (count > PageMap.MostHugePages)
        {
            return 0;
        }

        for (nuint fewer = count > 2 ? 2 : count - 1; fewer > 0; fewer--)
        {
            HugePage* run = _runs.Find((int)(count - fewer));
            if (run != null && (nuint)run->RunLength < count && FindAround(run, pages) is var start && start != 0)
            {
                return start;
            }
        }

        HugePage* whole = _runs.Find((int)count);
        return whole != null ? FindAround(whole, pages) : 0;
    }

    // As above, of all runs: where there is no other memory, what a block left must be found for the next of its size.
    private nuint FindAroundAny(nuint pages)
    {
        nuint start = 0;
        for (HugePage* run = _runs.After(null); run != null && start == 0; run = _runs.After(run))
        {
            start = FindAround(run, pages);
        }

        return start;
    }

    // The start of a row of a run and the free pages before it, as far as they are of use, and behind it; 0 if it is too short. Where there are
    // none before, it ends where what is used begins: the heap grows downwards, so what is left of its first huge page is of use to the next.
    private static nuint FindAround(HugePage* run, nuint pages)
    {
        nuint whole = (nuint)run->RunLength * PageBits.Pages;
        HugePage* behind = HugePageRuns.Neighbour(run, run->RunLength);
        nuint before = FreeBefore(run);
        nuint after = behind != null ? (nuint)behind->FreeAtStart : 0;
        if (before + whole + after < pages)
        {
            return 0;
        }

        if (before == 0 && (after > 0 || (pages >= PageBits.Pages && HugePageRuns.Neighbour(run, -1) == null)))
        {
            return run->Start + ((whole + after - pages) << PageMap.PageShift);
        }

        nuint most = whole < pages ? pages - whole : pages;
        return run->Start - ((before < most ? before : most) << PageMap.PageShift);
    }

    // Free pages right before a run.
    private static nuint FreeBefore(HugePage* run) => HugePageRuns.Neighbour(run, -1) is var before && before != null ? (nuint)before->FreeAtEnd : 0;

    internal static nuint HugePagesFor(nuint pages) => (pages + PageBits.Pages - 1) / PageBits.Pages;

    // Of two huge pages, either of which may be null.
    private static HugePage* Tightest(HugePage* one, HugePage* other) =>
        other == null || (one != null && one->LongestFree <= other->LongestFree) ? one : other;

    // Pages beside those wanted in a row that is sure to hold an aligned one.
    private static nuint SlackFor(nuint pages, nuint alignment)
    {
        nuint slack = alignment <= PageMap.PageSize ? 0 : (alignment >> PageMap.PageShift) - 1;
        return alignment <= PageMap.HugePageSize && pages + slack >= PageBits.Pages ? 0 : slack; // huge pages are aligned as they are
    }

    // Marks free pages used, wherever they are.
    private void UsePages(nuint start, nuint pages)
    {
        _counts.Used += (nint)pages;
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out int first, out int count);
            if (hugePage->IsEmpty && hugePage->RunLength <= 0)
            {
                _runs.BeginAt(hugePage);
            }

            int whole = hugePage->IsEmpty && first == 0 ? WholeHugePages(pages) : 1;
            whole = whole < hugePage->RunLength ? whole : hugePage->RunLength;
            whole = whole > 1 ? whole : 1;
            Delist(hugePage, whole);
            for (; whole > 1; whole--, start += PageMap.HugePageSize, pages -= PageBits.Pages)
            {
                _counts.Released -= PageMap.HugePageOf(start)->UseAll();
            }

            hugePage = PageMap.HugePageOf(start);
            _counts.Released -= hugePage->Use(first, count);
            Enlist(hugePage, 1);
            _seams.Update(hugePage);
            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }
    }

    // "refused": by the kernel, just now.
    private void GivePages(nuint start, nuint pages, PageContents contents, bool refused = false)
    {
        _counts.Used -= (nint)pages;
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out int first, out int count);
            Delist(hugePage, 1);
            _counts.Released += hugePage->Free(first, count, contents);
            hugePage->Refused = refused;

            // Those that are alike are one run at once.
            int length = 1;
            bool alike = first == 0 && contents != PageContents.Same;
            for (; alike && WholeHugePages(pages) > 1; length++, start += PageMap.HugePageSize, pages -= PageBits.Pages)
            {
                HugePage* next = HugePageRuns.Neighbour(hugePage, length);
                _counts.Released += next->FreeAll(contents);
                next->Refused = refused;
            }

            Enlist(hugePage, length);
            _seams.Update(hugePage);
            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }
    }

    // A span's pages, each as it is.
    private void GiveAmongHoles(Span* span)
    {
        nuint end = 0;
        while (end < span->Pages)
        {
            nuint start = span->Start + (end << PageMap.PageShift);
            nuint pages = span->NextAlike(ref end, out bool hole);
            GivePages(start, pages, hole ? PageContents.None : PageContents.Some);
        }
    }

    private static int WholeHugePages(nuint pages) => (int)(pages / PageBits.Pages);

    // Takes a huge page out of the list that it is in, or so many out of the run that they begin.
    private void Delist(HugePage* hugePage, int count)
    {
        if (hugePage->IsEmpty)
        {
            _runs.Cut(hugePage, count);
        }
        else
        {
            FillerOf(ref this, hugePage).Remove(hugePage);
        }

        for (int i = 0; i < count && _refusedPages > 0; i++)
        {
            HugePage* next = HugePageRuns.Neighbour(hugePage, i);
            _refusedPages -= next->Refused ? next->BackedFreePages : 0;
            next->Refused = false;
        }
    }

    // Puts it where it belongs now, or so many empty ones that are alike.
    private void Enlist(HugePage* hugePage, int count)
    {
        if (hugePage->IsEmpty)
        {
            _runs.Add(hugePage, count);
        }
        else
        {
            FillerOf(ref this, hugePage).Add(hugePage);
        }

        _refusedPages += hugePage->Refused ? hugePage->BackedFreePages * count : 0;
    }

    private void SetBeginsMapping(HugePage* hugePage, bool begins)
    {
        if (hugePage != null && hugePage->BeginsMapping != begins)
        {
            hugePage->BeginsMapping = begins;
            _movedMappings += begins ? 1 : -1;
        }
    }

    private static bool AreFree(nuint start, nuint pages)
    {
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out int first, out int count);
            if (hugePage == null || !hugePage->IsFree(first, count))
            {
                return false;
            }

            // An empty one is a run's first, since what lies before it is in use.
            nuint free = hugePage->IsEmpty ? (nuint)hugePage->RunLength * PageBits.Pages : (nuint)count;
            if (free >= pages)
            {
                break;
            }

            start += free << PageMap.PageShift;
            pages -= free;
        }

        return true;
    }

    private static bool AreBacked(nuint start, nuint pages)
    {
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out int first, out int count);
            if (!hugePage->IsBacked(first, count))
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

    // Maps more heap, so that a row of that kind can be had; false when there is no memory. The lock is let go meanwhile: who waits for it need
    // not wait for the kernel.
    private bool Grow(nuint pages, nuint alignment, byte sizeClass)
    {
        nuint hugePages = HugePagesFor(pages + SlackFor(pages, alignment));
        if (hugePages > PageMap.MostHugePages)
        {
            return false;
        }

        _lock.Release();
        _growthLock.Acquire();
        _lock.Acquire();
        bool grown = _runs.Find((int)hugePages) != null; // by another thread
        if (!grown)
        {
            PageAdvice advice = HugePageAdvice.ForMapping(pages, sizeClass, IsLimited, in _use);
            _lock.Release();
            grown = GrowBy(hugePages << PageMap.HugePageShift, advice);
            _lock.Acquire();
        }

        _growthLock.Release();
        return grown;
    }

    private bool GrowBy(nuint needed, PageAdvice advice)
    {
        nuint ahead = (MappedBytes / GrowthFraction) & ~(PageMap.HugePageSize - 1);
        ahead = ahead < MinGrowth ? MinGrowth : ahead > MaxGrowth ? MaxGrowth : ahead;
        if (HasManyRuns && CanMapWithoutRuns(needed))
        {
            UnmapRuns(bareOnly: true);
        }

        bool mapped = (ahead > needed && Map(ahead, advice)) || Map(needed, advice);
        if (!mapped && CanMapWithoutRuns(needed))
        {
            UnmapRuns(bareOnly: false);
            mapped = Map(needed, advice);
        }

        return mapped;
    }

    // Where blocks are ever larger than those before, no run serves the next. So they are more than half of the addresses only in a heap that is
    // smaller than from where on it grows by the most.
    private bool HasManyRuns
    {
        get
        {
            nuint runs = _runs.Count << PageMap.HugePageShift;
            return runs > MaxGrowth * GrowthFraction && runs > MappedBytes / 2;
        }
    }

    // There may be a limit (RLIMIT_AS, the kernel's on what is committed), of which the runs leave too little: with as much more as they
    // hold, so many bytes can be mapped. Where nothing at all can be, as in a sandbox, the runs would be lost.
    private bool CanMapWithoutRuns(nuint bytes)
    {
        _lock.Acquire();
        nuint runs = _runs.Count << PageMap.HugePageShift;
        _lock.Release();
        bytes = HeapMappings.RoomFor(bytes);
        return runs > 0 && Os.CanMap(bytes > runs ? bytes - runs : PageMap.PageSize);
    }

    // Adds that many bytes of new memory to the free runs; false when there are none, or none for their trackers.
    private bool Map(nuint bytes, PageAdvice advice)
    {
        byte* start = _mappings.Map(bytes);
        if (start == null)
        {
            return false;
        }

        HugePageAdvice.Give(start, bytes, advice);
        HugePage* trackers = PageMap.Cover((nuint)start, bytes) ? MakeTrackers((nuint)start, bytes, advice) : null;
        if (trackers == null)
        {
            _mappings.Unmap((nuint)start, bytes);
            return false;
        }

        _lock.Acquire();
        for (HugePage* next, hugePage = trackers; hugePage != null; hugePage = next)
        {
            next = hugePage->Next;
            PageMap.SetHugePage(hugePage->Start, hugePage);
        }

        nint pages = (nint)(bytes >> PageMap.PageShift);
        _counts.Mapped += pages;
        _counts.Released += pages;
        _runs.Add(PageMap.HugePageOf((nuint)start), (int)(bytes >> PageMap.HugePageShift));
        _lock.Release();
        Metadata.CountTouched(PageMap.BytesFor(bytes));
        return true;
    }

    // The trackers of a new mapping, linked by Next; null where there is no memory for all of them. The growth lock is held.
    private HugePage* MakeTrackers(nuint start, nuint bytes, PageAdvice advice)
    {
        HugePage* made = null;
        for (nuint next = start; next < start + bytes; next += PageMap.HugePageSize)
        {
            HugePage* hugePage = (HugePage*)_trackers.Take((nuint)sizeof(HugePage));
            if (hugePage == null)
            {
                GiveTrackers(made);
                return null;
            }

            hugePage->Prepare(next, advice);
            hugePage->Next = made;
            made = hugePage;
        }

        return made;
    }

    private void GiveTrackers(HugePage* hugePage)
    {
        while (hugePage != null)
        {
            HugePage* next = hugePage->Next;
            _trackers.Give(hugePage);
            hugePage = next;
        }
    }

    // Gives the addresses of all runs back to the kernel, or of those without memory, as far as it takes them. The growth lock is held.
    private void UnmapRuns(bool bareOnly)
    {
        _lock.Acquire();
        HugePage* next;
        for (HugePage* run = _runs.After(null); run != null; run = next)
        {
            next = _runs.After(run);
            int length = run->RunLength;
            if ((bareOnly && !HugePageRuns.IsBare(run)) || !_mappings.Unmap(run->Start, (nuint)length << PageMap.HugePageShift))
            {
                continue; // or it would be one mapping too many
            }

            Metadata.CountTouched(-PageMap.BytesFor((nuint)length << PageMap.HugePageShift));
            _counts.Mapped -= (nint)length * PageBits.Pages;
            Delist(run, length);
            for (nuint start = run->Start; length > 0; length--, start += PageMap.HugePageSize)
            {
                HugePage* hugePage = PageMap.HugePageOf(start);
                _counts.Released -= hugePage->ReleasedPages;
                SetBeginsMapping(hugePage, false);
                Interlocked.Add(ref _keptSmall, -hugePage->KeptSmall);
                PageMap.SetHugePage(start, null);
                _trackers.Give(hugePage);
            }
        }

        _lock.Release();
    }

    // Where nothing more can be mapped: pages that another thread is giving back to the kernel will be free in a moment. False if there are none.
    private bool AwaitLeaving(ref int patience)
    {
        if (_counts.Leaving == 0 || --patience < 0)
        {
            return false;
        }

        _lock.Release();
        Os.Sleep(1);
        _lock.Acquire();
        return true;
    }

    // Free pages that should go back to the kernel: those beyond what is kept, or that lay idle; "exchange": else those beside which others had
    // to be taken.
    private readonly nint DuePages(out bool exchange)
    {
        exchange = false;
        if (_refuses)
        {
            return 0;
        }

        nint free = BackedFreePages - _refusedPages;
        nint due = _policy.Due(_counts.Used, free, LimitRoom);
        if (due <= 0 && Options.HugePages != HugePageChoice.Always)
        {
            exchange = true;
            due = _shortRows.Due(_counts.Used, free);
        }

        return due < free ? due : free;
    }

    // Gives up to so many free pages back; false if there are none. The lock is let go while the kernel takes them, when they are nobody's.
    // "offered": so many are fewer to give, whether or not the kernel took them.
    private bool TryReleaseStep(nint most, out nint released, out nint offered)
    {
        released = 0;
        offered = 0;
        if (!FindBacked(most < MaxReleaseStep ? most : MaxReleaseStep, out nuint start, out nuint pages))
        {
            return false;
        }

        offered = (nint)pages;
        UsePages(start, pages);
        SetLeaving((nint)pages);
        _lock.Release();
        bool done = Promises.Release((byte*)start, pages << PageMap.PageShift);
        if (done)
        {
            offered -= AdviseAfterRelease(start, pages);
        }

        _lock.Acquire();
        SetLeaving(-(nint)pages);
        GivePages(start, pages, done ? PageContents.None : PageContents.Some, refused: !done);
        if (!done)
        {
            _refuses = true;
            return true;
        }

        released = (nint)pages;
        return true;
    }

    // What was refused may be offered again.
    private void ForgetRefusals()
    {
        HugePage* next;
        for (HugePage* run = _refusedPages > 0 ? _runs.After(null) : null; run != null; run = next)
        {
            next = _runs.After(run);
            Relist(run, run->RunLength);
        }

        for (HugePage* hugePage = _refusedPages > 0 ? _bare.After(null) : null; hugePage != null; hugePage = next)
        {
            next = _bare.After(hugePage);
            Relist(hugePage, hugePage->Refused ? 1 : 0);
        }
    }

    private void Relist(HugePage* first, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Delist(HugePageRuns.Neighbour(first, i), 1);
        }

        for (int i = 0; i < count; i++)
        {
            Enlist(HugePageRuns.Neighbour(first, i), 1);
        }
    }

    // Pages that are marked used are leaving, or do not any more: they count against no limit.
    private void SetLeaving(nint pages)
    {
        _counts.Used -= pages;
        _counts.Leaving += pages;
    }

    // Without the lock: whoever else is at the same huge page may advise the contrary, which does no harm.
    private void AdviseTaken(nuint start, nuint pages, byte sizeClass)
    {
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out _, out int count);
            if (hugePage->UsedPages == count)
            {
                Interlocked.Add(ref _keptSmall, HugePageAdvice.OnTaken(hugePage, sizeClass, IsLimited && count < PageBits.Pages, _keptSmall));
            }

            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }
    }

    // Returns how many pages are found to hold memory by that.
    private nint AdviseAfterRelease(nuint start, nuint pages)
    {
        nint found = 0;
        while (pages > 0)
        {
            HugePage* hugePage = PartOf(start, pages, out _, out int count);
            found += AdviseReleased(hugePage, count);
            start += (nuint)count << PageMap.PageShift;
            pages -= (nuint)count;
        }

        return found;
    }

    // As one that was huge becomes small, what the kernel had filled of it beyond what was used is there no less. Returns how many pages that are.
    private nint AdviseReleased(HugePage* hugePage, int count)
    {
        bool huge = hugePage->Advice == PageAdvice.Huge;
        nint kept = HugePageAdvice.OnReleased(hugePage, count, _keptSmall);
        Interlocked.Add(ref _keptSmall, kept);
        if (!huge || kept <= 0)
        {
            return 0;
        }

        nint found = 0;
        _lock.Acquire();
        if (!hugePage->IsEmpty)
        {
            Delist(hugePage, 1);
            found = hugePage->CountAsBacked();
            _counts.Released -= found;
            Enlist(hugePage, 1);
        }

        _lock.Release();
        return found;
    }

    // Free pages that all hold memory: whole huge pages first, of the longest runs before the others, and no more than are
    // wanted; then a row of the filler's, of the emptiest huge page first.
    private bool FindBacked(nint wanted, out nuint start, out nuint pages)
    {
        HugePage* first = _runs.FindBacked();
        HugePage* hugePage = first != null ? first : _broken.Emptiest();
        hugePage = hugePage != null ? hugePage : _whole.Emptiest();
        if (hugePage == null)
        {
            start = 0;
            pages = 0;
            return false;
        }

        if (hugePage != first || first->ReleasedPages > 0)
        {
            hugePage->FindBacked(out start, out pages);
            return true;
        }

        int most = ((int)wanted + PageBits.Pages - 1) / PageBits.Pages;
        most = most < first->RunLength ? most : first->RunLength;
        int length = 1;
        while (length < most && HugePageRuns.Neighbour(first, length) is var next && next->HasMemoryToGive && next->ReleasedPages == 0)
        {
            length++;
        }

        start = first->Start;
        pages = (nuint)length * PageBits.Pages;
        return true;
    }
}

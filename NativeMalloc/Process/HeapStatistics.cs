namespace NativeMalloc;

/// <summary>What one size class has and did, in objects.</summary>
internal struct ClassStatistics
{
    /// <summary>In use by the program.</summary>
    internal nint Live;

    /// <summary>Bytes of them that were added by rounding up, by the requests that missed the front end.</summary>
    internal nuint Waste;

    /// <summary>In the slabs, in the transfer cache, and in spans of the central free list.</summary>
    internal nint InFrontEnd;
    internal nint InTransfer;
    internal nint InCentral;

    /// <summary>Bytes of the last, and behind the last object of each span, that the kernel has back.</summary>
    internal nuint Released;

    internal nint Spans;

    /// <summary>Allocations that found no object in the slab, and frees that found no room.</summary>
    internal long Underflows;
    internal long Overflows;

    /// <summary>What the transfer cache served of them, and what it passed on to the central free list.</summary>
    internal long TransferHits;
    internal long TransferMisses;
}

/// <summary>
/// Where the heap's bytes are. Read without stopping anybody: while other threads allocate, the numbers are near the truth. They add up
/// nevertheless, and none is below zero: what is read is a part of what was read before, and as much of it as there can be.
/// </summary>
/// <remarks>
/// The front end's hits are not counted, since that would slow every one of them; its misses are.
/// Mapped = InUse + FrontEnd + Transfer + Central + SpanTails + Free + Released + Metadata, in bytes.
/// </remarks>
internal unsafe struct HeapStatistics
{
    /// <summary>In blocks that the program has, rounded up to their classes or pages.</summary>
    internal nuint InUse;
    internal nuint InUseLarge;

    /// <summary>Of it, what was added by rounding up: an estimate by a part of the requests.</summary>
    internal nuint InternalWaste;

    internal nuint FrontEnd;
    internal nuint Transfer;
    internal nuint Central;

    /// <summary>Spans that hold objects of all classes: their pages, and what of them is in use or in caches.</summary>
    internal nuint Remnants;
    internal nuint UsedInRemnants;

    /// <summary>Behind the last object of each span.</summary>
    internal nuint SpanTails;

    /// <summary>Pages in no span that hold memory, and all without; those in spans count neither as free objects nor as tails.</summary>
    internal nuint Free;
    internal nuint Released;
    internal nuint ReleasedInSpans;

    /// <summary>Address space for the allocator's own structures; touched as it is used.</summary>
    internal nuint Metadata;
    internal nuint MetadataTouched;
    internal nuint Mapped;

    /// <summary>Objects in the caches, and those that are free in spans.</summary>
    internal nint CachedObjects;
    internal nint FreeObjects;

    /// <summary>Slabs in use, of CPUs or of threads, and those that were ever made: threads leave theirs to others.</summary>
    internal int Slabs;
    internal int SlabsMade;

    internal long Underflows;
    internal long Overflows;

    internal static HeapStatistics Gather()
    {
        HeapStatistics all = default;
        all.Remnants = Heap.Remnants->Bytes;
        all.UsedInRemnants = AtMost(all.Remnants, Heap.Remnants->UsedBytes);
        nuint inRemnants = all.UsedInRemnants;
        nuint inSpans = 0;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            nuint size = SizeClasses.Size(sizeClass);
            ClassStatistics one = GatherClass(sizeClass, ref inRemnants);
            all.InUse += (nuint)one.Live * size;
            all.InternalWaste += one.Waste;
            all.FrontEnd += (nuint)one.InFrontEnd * size;
            all.Transfer += (nuint)one.InTransfer * size;
            nuint free = (nuint)one.InCentral * size;
            nuint releasedObjects = AtMost(free, one.Released);
            all.Central += free - releasedObjects;
            all.ReleasedInSpans += one.Released;
            all.CachedObjects += one.InFrontEnd + one.InTransfer;
            all.FreeObjects += one.InCentral;

            nuint bytes = (nuint)one.Spans * SizeClasses.PagesPerSpan(sizeClass) * PageMap.PageSize;
            inSpans += bytes;
            nuint tails = bytes - (nuint)one.Spans * (nuint)SizeClasses.ObjectsPerSpan(sizeClass) * size;
            all.SpanTails += tails - (one.Released - releasedObjects);
            all.Underflows += one.Underflows;
            all.Overflows += one.Overflows;
        }

        all.InUse += inRemnants;
        all.Central += all.Remnants - all.UsedInRemnants;
        all.GatherPages(inSpans + all.Remnants);
        all.GatherMetadata();
        return all;
    }

    /// <summary>What one class has, for itself: of what is used in remnants, all may be its.</summary>
    internal static ClassStatistics GatherClass(nuint sizeClass)
    {
        nuint inRemnants = Heap.Remnants->UsedBytes;
        return GatherClass(sizeClass, ref inRemnants);
    }

    // Pages that hold small objects are used, whatever the page heap says by now, and used ones are mapped.
    private void GatherPages(nuint small)
    {
        PageHeap* pages = Heap.Pages;
        nuint used = AtLeast(small, pages->UsedBytes);
        nuint cached = AtMost(used - small, LargeCache.Bytes);
        InUseLarge = used - small - cached;
        InUse += InUseLarge;
        InternalWaste += AtMost(InUseLarge, LargeBlocks.Waste);
        Mapped = AtLeast(used, pages->MappedBytes);
        Released = AtMost(Mapped - used, pages->ReleasedBytes);
        Free = Mapped - used - Released + cached;
        Released += ReleasedInSpans;
    }

    // All of these grow only. What is a part of another is read before it.
    private void GatherMetadata()
    {
        for (Slab* slab = NativeMalloc.FrontEnd.NextSlab(null); slab != null; slab = NativeMalloc.FrontEnd.NextSlab(slab))
        {
            SlabsMade++;
            Slabs += slab->OwnTable == null || slab->Owner != null ? 1 : 0; // a CPU's stays
        }

        MetadataTouched = NativeMalloc.Metadata.TouchedBytes;
        Metadata = AtLeast(MetadataTouched, NativeMalloc.Metadata.MappedBytes);
        Mapped += Metadata;
    }

    // Objects in caches that are none of the class's spans' are some of what is used in remnants, which becomes so much less.
    private static ClassStatistics GatherClass(nuint sizeClass, ref nuint inRemnants)
    {
        ClassStatistics one = default;
        long requested = 0;
        for (Slab* slab = NativeMalloc.FrontEnd.NextSlab(null); slab != null; slab = NativeMalloc.FrontEnd.NextSlab(slab))
        {
            one.InFrontEnd += Slab.CountOf(slab, sizeClass);
            one.Underflows += slab->Underflows[sizeClass];
            one.Overflows += slab->Overflows[sizeClass];
            requested += slab->Requested[sizeClass];
        }

        one.TransferHits = Heap.Transfer(sizeClass)->Hits;
        one.TransferMisses = Heap.Transfer(sizeClass)->Misses;
        nuint size = SizeClasses.Size(sizeClass);
        nint taken = 0;
        nuint holes = 0;
        foreach (CentralFreeList<Heap.Spans>* list in CentralFreeLists.Of(sizeClass))
        {
            one.Spans += list->Spans;
            taken += list->Out;
            holes += list->HoleBytes;
        }

        nint objects = one.Spans * SizeClasses.ObjectsPerSpan(sizeClass);
        taken = Within(objects, taken);
        one.InCentral = objects - taken;
        nuint free = (nuint)one.Spans * SizeClasses.PagesPerSpan(sizeClass) * PageMap.PageSize - (nuint)taken * size;
        one.Released = AtMost(free, holes);

        nint most = taken + (nint)(inRemnants / size);
        one.InTransfer = Within(most, Heap.Transfer(sizeClass)->Count);
        one.InFrontEnd = Within(most - one.InTransfer, one.InFrontEnd);
        nint cached = one.InTransfer + one.InFrontEnd;
        one.Live = taken - Within(taken, cached);
        inRemnants -= (nuint)(cached - Within(taken, cached)) * size;
        if (one.Underflows > 0)
        {
            nuint average = (nuint)(requested / one.Underflows);
            one.Waste = average < size ? (nuint)one.Live * (size - average) : 0;
        }

        return one;
    }

    private static nuint AtMost(nuint most, nuint value) => value < most ? value : most;

    private static nuint AtLeast(nuint least, nuint value) => value > least ? value : least;

    private static nint Within(nint most, nint value) => value < 0 ? 0 : value < most ? value : most;
}

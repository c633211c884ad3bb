using System.Threading;

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

    /// <summary>Bytes by which what was read did not add up.</summary>
    internal nuint Mended;

    /// <summary>Allocations that found no object in the slab, and frees that found no room.</summary>
    internal long Underflows;
    internal long Overflows;

    /// <summary>What the transfer cache served of them, and what it passed on to the central free list.</summary>
    internal long TransferHits;
    internal long TransferMisses;

    /// <summary>Whether it ever had an object, as far as is known: remnants hold those of classes that have no span.</summary>
    internal readonly bool IsUsed => Spans != 0 || Underflows + Overflows != 0;
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

    /// <summary>What holds memory and is in no block: caches, free objects and pages.</summary>
    internal readonly nuint Idle => FrontEnd + Transfer + Central + SpanTails + Free;

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

    /// <summary>Bytes that the program has asked for since its start, but for what threads have since their last look at the clock.</summary>
    internal nuint Allocated;

    /// <summary>Bytes by which what was read did not add up.</summary>
    internal nuint Mended;

    internal static HeapStatistics Gather<TCounts>()
        where TCounts : IHeapCounts
    {
        HeapStatistics all = default;
        all.Remnants = TCounts.RemnantBytes;
        all.UsedInRemnants = AtMost(all.Remnants, TCounts.UsedInRemnants, ref all.Mended);
        nuint inRemnants = all.UsedInRemnants;
        nuint inSpans = 0;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            nuint size = SizeClasses.Size(sizeClass);
            ClassStatistics one = GatherClass<TCounts>(sizeClass, ref inRemnants);
            all.InUse += (nuint)one.Live * size;
            all.InternalWaste += one.Waste;
            all.Mended += one.Mended;
            all.FrontEnd += (nuint)one.InFrontEnd * size;
            all.Transfer += (nuint)one.InTransfer * size;
            nuint free = (nuint)one.InCentral * size;
            nuint releasedObjects = one.Released < free ? one.Released : free;
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
        all.GatherPages<TCounts>(inSpans + all.Remnants);
        all.GatherStructures<TCounts>();
        return all;
    }

    /// <summary>What one class has, for itself: of what is used in remnants, all may be its.</summary>
    internal static ClassStatistics GatherClass<TCounts>(nuint sizeClass)
        where TCounts : IHeapCounts
    {
        nuint inRemnants = TCounts.UsedInRemnants;
        return GatherClass<TCounts>(sizeClass, ref inRemnants);
    }

    // Pages that hold small objects are used, whatever the page heap says by now, and used ones are mapped.
    private void GatherPages<TCounts>(nuint small)
        where TCounts : IHeapCounts
    {
        PageCounts* pages = TCounts.Pages;
        nuint used = AtLeast(small, pages->UsedBytes, ref Mended);
        nuint cached = AtMost(used - small, TCounts.LargeCached, ref Mended);
        InUseLarge = used - small - cached;
        InUse += InUseLarge;
        nuint waste = TCounts.LargeWaste; // which is also that of those that are cached
        InternalWaste += waste < InUseLarge ? waste : InUseLarge;
        Mapped = AtLeast(used, pages->MappedBytes, ref Mended);
        Released = AtMost(Mapped - used, pages->ReleasedBytes, ref Mended);
        Free = Mapped - used - Released + cached;
        Released += ReleasedInSpans;
    }

    // All of these grow only. What is a part of another is read before it.
    private void GatherStructures<TCounts>()
        where TCounts : IHeapCounts
    {
        long allocated = TCounts.AllocatedWithoutSlab;
        for (Slab* slab = TCounts.NextSlab(null); slab != null; slab = TCounts.NextSlab(slab))
        {
            SlabsMade++;
            allocated += Volatile.Read(ref slab->Allocated);
            Slabs += slab->OwnTable == null || slab->Owner != null ? 1 : 0; // a CPU's stays
        }

        Allocated = allocated > 0 ? (nuint)allocated : 0;
        MetadataTouched = (nuint)Volatile.Read(ref TCounts.Metadata->TouchedBytes);
        Metadata = AtLeast(MetadataTouched, TCounts.Metadata->MappedBytes, ref Mended);
        Mapped += Metadata;
    }

    // Objects in caches that are none of the class's spans' are some of what is used in remnants, which becomes so much less.
    private static ClassStatistics GatherClass<TCounts>(nuint sizeClass, ref nuint inRemnants)
        where TCounts : IHeapCounts
    {
        ClassStatistics one = default;
        long requested = 0;
        for (Slab* slab = TCounts.NextSlab(null); slab != null; slab = TCounts.NextSlab(slab))
        {
            one.InFrontEnd += Slab.CountOf(slab, sizeClass);
            one.Underflows += slab->Underflows[sizeClass];
            one.Overflows += slab->Overflows[sizeClass];
            requested += slab->Requested[sizeClass];
        }

        nuint size = SizeClasses.Size(sizeClass);
        CentralCounts central = TCounts.CentralOf(sizeClass);
        one.Spans = central.Spans;
        nint objects = one.Spans * SizeClasses.ObjectsPerSpan(sizeClass);
        nint taken = Within(objects, central.Out, size, ref one.Mended);
        one.InCentral = objects - taken;
        nuint free = (nuint)one.Spans * SizeClasses.PagesPerSpan(sizeClass) * PageMap.PageSize - (nuint)taken * size;
        one.Released = AtMost(free, central.HoleBytes, ref one.Mended);

        TransferCounts transfer = TCounts.TransferOf(sizeClass);
        one.TransferHits = transfer.Hits;
        one.TransferMisses = transfer.Misses;
        nint most = taken + (nint)(inRemnants / size);
        one.InTransfer = Within(most, transfer.Objects, size, ref one.Mended);
        one.InFrontEnd = Within(most - one.InTransfer, one.InFrontEnd, size, ref one.Mended);
        nint cached = one.InTransfer + one.InFrontEnd;
        nint ofSpans = cached < taken ? cached : taken;
        one.Live = taken - ofSpans;
        inRemnants -= (nuint)(cached - ofSpans) * size;
        if (one.Underflows > 0)
        {
            nuint average = (nuint)(requested / one.Underflows);
            one.Waste = average < size ? (nuint)one.Live * (size - average) : 0;
        }

        return one;
    }

    private static nuint AtMost(nuint most, nuint value, ref nuint mended)
    {
        mended += value > most ? value - most : 0;
        return value < most ? value : most;
    }

    private static nuint AtLeast(nuint least, nuint value, ref nuint mended)
    {
        mended += value < least ? least - value : 0;
        return value > least ? value : least;
    }

    // Objects of so many bytes.
    private static nint Within(nint most, nint value, nuint size, ref nuint mended)
    {
        nint within = value < 0 ? 0 : value < most ? value : most;
        mended += (nuint)(value > within ? value - within : within - value) * size;
        return within;
    }
}

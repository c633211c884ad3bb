namespace NativeMalloc;

/// <summary>struct nativemalloc_statistics of nativemalloc.h, which says what the fields mean. New ones come at the end.</summary>
internal struct PublicStatistics
{
    /// <summary>What the structure had in 0.1.0; callers have at least that.</summary>
    internal const ulong FirstSize = 19 * sizeof(ulong);

    internal ulong Size;

    internal ulong Active;
    internal ulong FrontEnd;
    internal ulong Rseq;
    internal ulong Index;

    internal ulong InUse;
    internal ulong InUseLarge;
    internal ulong FrontEndCached;
    internal ulong TransferCached;
    internal ulong CentralFree;
    internal ulong SpanTails;
    internal ulong PageHeapFree;
    internal ulong Released;
    internal ulong Metadata;
    internal ulong Mapped;

    internal ulong Slabs;
    internal ulong SlabsMade;
    internal ulong SlowAllocations;
    internal ulong SlowFrees;

    internal ulong InternalWaste;
    internal ulong MetadataTouched;
    internal ulong ReleasedInSpans;

    internal ulong Allocated;

    internal static PublicStatistics Gather()
    {
        HeapStatistics all = OwnReport.Gather();
        return new PublicStatistics
        {
            Active = Interposition.IsActive ? 1u : 0u,
            FrontEnd = Options.Check ? 2u : NativeMalloc.FrontEnd.IsPerThread ? 0u : 1u,
            Rseq = (ulong)NativeMalloc.Rseq.Owner,
            Index = (ulong)NativeMalloc.Rseq.Index,
            InUse = all.InUse,
            InUseLarge = all.InUseLarge,
            FrontEndCached = all.FrontEnd,
            TransferCached = all.Transfer,
            CentralFree = all.Central,
            SpanTails = all.SpanTails,
            PageHeapFree = all.Free,
            Released = all.Released,
            Metadata = all.Metadata,
            Mapped = all.Mapped,
            Slabs = (ulong)all.Slabs,
            SlabsMade = (ulong)all.SlabsMade,
            SlowAllocations = (ulong)all.Underflows,
            SlowFrees = (ulong)all.Overflows,
            InternalWaste = all.InternalWaste,
            MetadataTouched = all.MetadataTouched,
            ReleasedInSpans = all.ReleasedInSpans,
            Allocated = all.Allocated,
        };
    }
}

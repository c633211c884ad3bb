namespace NativeMalloc;

/// <summary>
/// Where <see cref="HeapStatistics"/> come from: this process's own structures (<see cref="OwnCounts"/>), or copies of another's. They change
/// while they are read.
/// </summary>
internal unsafe interface IHeapCounts
{
    /// <summary>Goes through the slabs: the first for null, null after the last.</summary>
    static abstract Slab* NextSlab(Slab* slab);

    static abstract TransferCounts TransferOf(nuint sizeClass);

    /// <summary>Of all central free lists of the class.</summary>
    static abstract CentralCounts CentralOf(nuint sizeClass);

    static abstract nuint RemnantBytes { get; }

    static abstract nuint UsedInRemnants { get; }

    static abstract PageCounts* Pages { get; }

    static abstract nuint LargeCached { get; }

    static abstract nuint LargeWaste { get; }

    static abstract long AllocatedWithoutSlab { get; }

    static abstract MetadataState* Metadata { get; }
}

/// <summary>What a transfer cache counts: objects in it, and requests.</summary>
internal struct TransferCounts
{
    internal nint Objects;
    internal long Hits;
    internal long Misses;
}

/// <summary>What central free lists count: spans, objects that are out, and bytes that the kernel has back.</summary>
internal struct CentralCounts
{
    internal nint Spans;
    internal nint Out;
    internal nuint HoleBytes;
}

namespace NativeMalloc.Inspect;

/// <summary>Copies of another process's structures, for <see cref="HeapStatistics"/>: one at a time.</summary>
internal readonly unsafe struct TargetCounts : IHeapCounts
{
    private static HeapCopy s_copy = null!;

    internal static void LookAt(HeapCopy copy) => s_copy = copy;

    public static nuint RemnantBytes => s_copy.Remnants->Bytes;

    public static nuint UsedInRemnants => s_copy.Remnants->UsedBytes;

    public static PageCounts* Pages => s_copy.Pages;

    public static nuint LargeCached => s_copy.LargeCache->Bytes;

    public static nuint LargeWaste => (nuint)s_copy.LargeWaste;

    public static long AllocatedWithoutSlab => s_copy.AllocatedWithoutSlab;

    public static MetadataState* Metadata => s_copy.Metadata;

    public static Slab* NextSlab(Slab* slab) => s_copy.NextSlab(slab);

    public static TransferCounts TransferOf(nuint sizeClass) => !s_copy.HasTiers ? default : new()
    {
        Objects = s_copy.Transfer(sizeClass)->Count, Hits = s_copy.Transfer(sizeClass)->Hits, Misses = s_copy.Transfer(sizeClass)->Misses,
    };

    public static CentralCounts CentralOf(nuint sizeClass)
    {
        CentralCounts counts = default;
        if (s_copy.HasTiers)
        {
            Add(ref counts, s_copy.CentralLists(sizeClass, others: false));
            Add(ref counts, s_copy.CentralLists(sizeClass, others: true));
        }

        return counts;
    }

    private static void Add(ref CentralCounts counts, ReadOnlySpan<CentralFreeList<HeapCopy.Nobody>> lists)
    {
        foreach (ref readonly CentralFreeList<HeapCopy.Nobody> list in lists)
        {
            counts.Spans += list.Spans;
            counts.Out += list.Out;
            counts.HoleBytes += list.HoleBytes;
        }
    }
}

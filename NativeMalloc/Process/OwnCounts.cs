using System.Threading;

namespace NativeMalloc;

/// <summary>This process's own structures, for <see cref="HeapStatistics"/>.</summary>
internal readonly unsafe struct OwnCounts : IHeapCounts
{
    public static nuint RemnantBytes => Heap.Remnants->Bytes;

    public static nuint UsedInRemnants => Heap.Remnants->UsedBytes;

    public static PageCounts* Pages => PageHeap.CountsOf(Heap.Pages);

    public static nuint LargeCached => LargeCache.Bytes;

    public static nuint LargeWaste => LargeBlocks.Waste;

    public static long AllocatedWithoutSlab => Volatile.Read(ref *AllocatedBytes.Root);

    public static MetadataState* Metadata => NativeMalloc.Metadata.Root;

    public static Slab* NextSlab(Slab* slab) => FrontEnd.NextSlab(slab);

    public static TransferCounts TransferOf(nuint sizeClass) => new()
    {
        Objects = Heap.Transfer(sizeClass)->Count, Hits = Heap.Transfer(sizeClass)->Hits, Misses = Heap.Transfer(sizeClass)->Misses,
    };

    public static CentralCounts CentralOf(nuint sizeClass)
    {
        CentralCounts counts = default;
        foreach (CentralFreeList<Heap.Spans>* list in CentralFreeLists.Of(sizeClass))
        {
            counts.Spans += list->Spans;
            counts.Out += list->Out;
            counts.HoleBytes += list->HoleBytes;
        }

        return counts;
    }
}

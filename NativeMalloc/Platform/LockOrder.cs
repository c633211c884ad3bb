namespace NativeMalloc;

/// <summary>The order in which locks are taken: who holds one may wait for those after it, and only try others of the same place.</summary>
internal enum LockOrder
{
    Startup = 1,
    CpuSlabs,
    ThreadSlabs,
    Slab,
    Quarantine,
    TransferCache,
    CentralFreeList,
    Remnants,
    Growth,
    PageHeap,
    Metadata,

    Last = Metadata,
}

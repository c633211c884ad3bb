namespace NativeMalloc;

/// <summary>
/// Where the library's structures are found from outside the process: a note in the library's file, or the program's (Shim/root.S), says where
/// this lies. Zeros until the library has started.
/// </summary>
internal unsafe struct Roots
{
    /// <summary>May be written to from outside, once it is here: the options have been read.</summary>
    internal SamplerControl* SamplerControl;
    internal SamplerState* Sampler;

    internal PageCounts* Pages;
    internal LargeCacheTable* LargeCache;
    internal long* LargeWaste;
    internal long* AllocatedWithoutSlab;
    internal MetadataState* Metadata;
    internal ThreadSlabLists* ThreadSlabs;
    internal Limits* Limits;
    internal Promise* Release;

    /// <summary>Checking mode.</summary>
    internal bool Checks;

    /// <summary>The collection of remnants; and by class the transfer caches, the first central free lists, and pointers to the others of each.</summary>
    internal void* Remnants;
    internal void* Transfer;
    internal void* CentralLists;
    internal void** OtherCentralLists;

    /// <summary>From when the front end was chosen; the CPUs' slabs by index, null where there are none.</summary>
    internal FrontEndChoice FrontEnd;
    internal Slab** CpuSlabs;
    internal int CpuSlabsBound;

    internal PageMap.Root* PageMap;
}

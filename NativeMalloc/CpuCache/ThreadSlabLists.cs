namespace NativeMalloc;

/// <summary>The lists of <see cref="ThreadSlabs"/>.</summary>
internal unsafe struct ThreadSlabLists
{
    /// <summary>The slabs of the threads that there are, linked by Next, and how many.</summary>
    internal Slab* InUse;
    internal int Threads;

    /// <summary>The slabs of threads that have ended, empty and without an owner, linked by Next.</summary>
    internal Slab* LeftOver;
}

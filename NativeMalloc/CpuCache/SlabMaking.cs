namespace NativeMalloc;

/// <summary>How slabs come to be, and what they may hold.</summary>
internal unsafe partial struct Slab
{
    /// <summary>Makes one of so many slabs of <paramref name="bytes"/> bytes of zeroed memory.</summary>
    internal static Slab* Create(byte* memory, uint bytes, int slabs, nint budgetBytes)
    {
        Slab* slab = (Slab*)(memory + Bottom);
        slab->_cut = (uint)sizeof(Slab);
        NoteCut(slab);
        slab->_bytes = bytes - Bottom;
        SetBudget(slab, slabs, budgetBytes);
        return slab;
    }

    /// <summary>Says what one of so many may hold: so many bytes, and what it has earned.</summary>
    internal static void SetBudget(Slab* slab, int slabs, nint bytes)
    {
        nint earned = SlabBudget.Earned(slabs, slab->LargeCame, slab->LargeWent);
        slab->BudgetBytes = SlabBudget.WithEarned(bytes, earned);
        slab->LargeBudgetBytes = SlabBudget.OfLarge(slabs, slab->BudgetBytes, Heap.Occupancy.Peak, earned);
    }

    /// <summary>So many objects came from the transfer cache.</summary>
    internal static void CountCame(Slab* slab, nuint sizeClass, int objects) => slab->LargeCame += LargeBytesOf(sizeClass, objects);

    /// <summary>So many went there, since there was no room.</summary>
    internal static void CountWent(Slab* slab, nuint sizeClass, int objects) => slab->LargeWent += LargeBytesOf(sizeClass, objects);

    private static long LargeBytesOf(nuint sizeClass, int objects) => SizeClasses.IsLarge(sizeClass) ? objects * (long)SizeClasses.Size(sizeClass) : 0;

    // What it was cut to at most is what of it was touched.
    private static void NoteCut(Slab* slab)
    {
        if (slab->_cut > slab->_mostCut)
        {
            Metadata.CountTouched((nint)(slab->_cut - slab->_mostCut));
            slab->_mostCut = slab->_cut;
        }
    }
}

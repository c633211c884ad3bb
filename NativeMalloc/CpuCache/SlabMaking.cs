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

    internal static void SetBudget(Slab* slab, int slabs, nint bytes)
    {
        slab->BudgetBytes = bytes;
        slab->LargeBudgetBytes = SlabBudget.OfLarge(slabs, bytes, Heap.Occupancy.Peak);
    }

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

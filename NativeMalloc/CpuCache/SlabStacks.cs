namespace NativeMalloc;

/// <summary>
/// Where the stacks of a slab's classes lie. Everything here needs the slab's lock; what anybody may ask is in Slab.cs.
/// </summary>
internal unsafe partial struct Slab
{
    /// <summary>How many objects a class's stack has places for.</summary>
    internal static int PlacesOf(Slab* slab, nuint sizeClass) => Places(slab->_begins[sizeClass], slab->_limits[sizeClass]);

    /// <summary>
    /// Where the next stack, of so many places, would begin; 0 if there is no room for it. The word below it is zero then.
    /// </summary>
    internal static uint PrepareStack(Slab* slab, int places)
    {
        uint begin = slab->_cut + (uint)sizeof(void*);
        if (LimitOf(begin, places) > slab->_bytes)
        {
            return 0;
        }

        *(ulong*)((byte*)slab + slab->_cut) = 0; // there may have been another stack
        return begin;
    }

    /// <summary>Notes that a class whose header was changed so has that stack now.</summary>
    internal static void KeepStack(Slab* slab, nuint sizeClass, uint begin, int places)
    {
        uint limit = LimitOf(begin, places);
        slab->_begins[sizeClass] = begin;
        slab->_limits[sizeClass] = limit;
        slab->_cut = limit;
        NoteCut(slab);
    }

    /// <summary>Notes that a class whose header is zero has no stack any more.</summary>
    internal static void ForgetStack(Slab* slab, nuint sizeClass)
    {
        slab->_begins[sizeClass] = 0;
        slab->_limits[sizeClass] = 0;
    }

    /// <summary>Begins anew with the first stack. No class has one.</summary>
    internal static void ForgetCuts(Slab* slab) => slab->_cut = (uint)sizeof(Slab);

    /// <summary>A class's header as it is when the stack is empty.</summary>
    internal static ulong EmptyHeaderOf(Slab* slab, nuint sizeClass) => Header(slab->_begins[sizeClass], End(HeaderOf(slab, sizeClass)));

    /// <summary>
    /// Takes up to <paramref name="count"/> objects from a slab that no sequence can be in: a stopped one, or the caller's own.
    /// </summary>
    internal static int TakeStopped(Slab* slab, nuint sizeClass, void** objects, int count)
    {
        ulong header = slab->Headers[sizeClass];
        uint current = Current(header);
        int taken = 0;
        while (taken < count && current > slab->_begins[sizeClass])
        {
            current -= (uint)sizeof(void*);
            objects[taken++] = *(void**)((byte*)slab + current);
        }

        slab->Headers[sizeClass] = Header(current, End(header));
        return taken;
    }

    private static uint LimitOf(uint begin, int places) => begin + (uint)(places * sizeof(void*));
}

namespace NativeMalloc;

/// <summary>
/// A set of addresses, none of them 0, in memory that somebody gave. Its table is twice as large as needed at most: when it is half full, one of
/// twice the size takes its place, behind it.
/// </summary>
internal unsafe struct AddressSet
{
    /// <summary>Two pages of them.</summary>
    private const int FirstPlaces = 1024;

    private readonly ulong* _end;
    private ulong* _places;
    private int _count;
    private int _used;

    /// <summary>An empty one, with room for so many places in all tables together, at least 1,024.</summary>
    internal AddressSet(ulong* memory, int places)
    {
        this = default;
        _end = memory + places;
        Begin(memory, FirstPlaces);
    }

    /// <summary>How many addresses there are in so many places, at least, when the last table is half full: it has more than a quarter of them.</summary>
    internal static int MostIn(int places) => places / 8;

    /// <summary>One of so many parts that all addresses fall into.</summary>
    internal static uint PartOf(ulong address, uint parts) => (uint)((address * Hash.Spread >> 32) * parts >> 32);

    /// <summary>False if it is there already, or the set is full.</summary>
    internal bool Add(ulong address)
    {
        ulong* place = PlaceOf(address);
        if (place == null || *place == address)
        {
            return false;
        }

        *place = address;
        _used++;
        ulong* next = _places + _count;
        if (_used * 2 > _count && _end - next >= _count * 2)
        {
            GrowTo(next);
        }

        return true;
    }

    private void GrowTo(ulong* places)
    {
        ulong* old = _places;
        int count = _count;
        Begin(places, count * 2);
        for (int i = 0; i < count; i++)
        {
            if (old[i] != 0)
            {
                *PlaceOf(old[i]) = old[i];
            }
        }
    }

    private void Begin(ulong* places, int count)
    {
        _places = places;
        _count = count;
        Shim.Fill(places, 0, (nuint)count * sizeof(ulong));
    }

    // Where it is, or would go; null if the set is full.
    private readonly ulong* PlaceOf(ulong address)
    {
        uint place = (uint)((uint)(address * Hash.Spread >> 16) * (ulong)(uint)_count >> 32);
        for (int tried = 0; tried < _count; tried++)
        {
            if (_places[place] == address || _places[place] == 0)
            {
                return _places + place;
            }

            place = place + 1 < (uint)_count ? place + 1 : 0;
        }

        return null;
    }
}

using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>A set of addresses, none of them 0, in a table that somebody gave.</summary>
internal unsafe struct AddressSet
{
    /// <summary>An odd number without a pattern: 2^64 divided by the golden ratio.</summary>
    private const ulong Spread = 0x9e37_79b9_7f4a_7c15;

    private readonly ulong* _places;
    private readonly uint _count;

    /// <summary>An empty set with room for so many places, of which half should stay free.</summary>
    internal AddressSet(ulong* places, int count)
    {
        _places = places;
        _count = (uint)count;
        Shim.Fill(places, 0, (nuint)count * sizeof(ulong));
    }

    /// <summary>One of so many parts that all addresses fall into.</summary>
    internal static uint PartOf(ulong address, uint parts) => (uint)((address * Spread >> 32) * parts >> 32);

    /// <summary>False if it is there already, or the set is full.</summary>
    internal readonly bool Add(ulong address)
    {
        uint place = (uint)((uint)(address * Spread >> 16) * (ulong)_count >> 32);
        for (uint tried = 0; tried < _count; tried++)
        {
            if (_places[place] == address)
            {
                return false;
            }

            if (_places[place] == 0)
            {
                _places[place] = address;
                return true;
            }

            place = place + 1 < _count ? place + 1 : 0;
        }

        return false;
    }
}

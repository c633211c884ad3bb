using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>The objects that walks have come through, so that each is looked up once in a walk; those that stay, once.</summary>
internal unsafe struct NearObjects
{
    private const int Most = 8;

    private Entries _entries;
    private int _last;

    // A bit for each: that it is known to be there, and that it will be in the next walk.
    private uint _there;
    private uint _staying;

    private struct Entries
    {
        internal fixed byte Room[Most * 40]; // CodeObject
    }

    /// <summary>Another walk begins: what was there may be there no more, or something else.</summary>
    internal void Forget() => _there = _staying;

    /// <summary>The object that the address is in; null if it is in none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static CodeObject* Find(Workspace* work, nuint address)
    {
        NearObjects* near = &work->Objects;
        CodeObject* last = (CodeObject*)near->_entries.Room + near->_last;
        return (near->_there & 1u << near->_last) != 0 && last->Contains(address) ? last : FindOther(work, address);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static CodeObject* FindOther(Workspace* work, nuint address)
    {
        NearObjects* near = &work->Objects;
        CodeObject* entries = (CodeObject*)near->_entries.Room;
        for (int at = 0; at < Most; at++)
        {
            if ((near->_there & 1u << at) != 0 && entries[at].Contains(address))
            {
                near->_last = at;
                return &entries[at];
            }
        }

        return LookUp(work, address);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static CodeObject* LookUp(Workspace* work, nuint address)
    {
        NearObjects* near = &work->Objects;
        CodeObject* entries = (CodeObject*)near->_entries.Room;
        int place = 0;
        while (place < Most && !entries[place].Contains(address))
        {
            place++;
        }

        CodeObject found = place < Most ? entries[place] : default;
        if (!LoadedObjects.TryFind(work, address, &found))
        {
            return null;
        }

        place = place < Most ? place : (near->_last + 1) % Most;
        entries[place] = found;
        near->_last = place;
        uint bit = 1u << place;
        near->_there |= bit;
        near->_staying = LoadedObjects.Stays(&found) ? near->_staying | bit : near->_staying & ~bit;
        return &entries[place];
    }
}

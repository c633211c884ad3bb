namespace NativeMalloc;

/// <summary>The objects that a walk has come through, so that each is looked up once in it.</summary>
internal unsafe struct NearObjects
{
    private const int Most = 8;

    private Entries _entries;
    private int _count;
    private int _last;

    private struct Entries
    {
        internal fixed byte Room[Most * 32]; // CodeObject
    }

    internal void Forget()
    {
        _count = 0;
        _last = 0;
    }

    /// <summary>The object that the address is in; null if it is in none.</summary>
    internal static CodeObject* Find(Workspace* work, nuint address)
    {
        NearObjects* near = &work->Objects;
        CodeObject* entries = (CodeObject*)near->_entries.Room;
        for (int i = 0, at = near->_last; i < near->_count; i++, at = (at + Most - 1) % Most)
        {
            if (at < near->_count && entries[at].Contains(address))
            {
                near->_last = at;
                return &entries[at];
            }
        }

        CodeObject found;
        if (!LoadedObjects.TryFind(work, address, &found))
        {
            return null;
        }

        int place = near->_count < Most ? near->_count++ : (near->_last + 1) % Most;
        entries[place] = found;
        near->_last = place;
        return &entries[place];
    }
}

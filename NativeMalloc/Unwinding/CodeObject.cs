namespace NativeMalloc;

/// <summary>A loaded object, as far as a stack needs it.</summary>
internal unsafe struct CodeObject
{
    internal nuint Start;
    internal nuint End;

    /// <summary>Its .eh_frame_hdr; 0 where it has none.</summary>
    internal nuint Frames;

    /// <summary>A number that another object has only by a chance of one to 2^64, even at the same place: of its headers and its build id.</summary>
    internal ulong Identity;

    internal readonly bool Contains(nuint address) => address >= Start && address < End;

    /// <summary>Reads the identity; false if the object is not there any more.</summary>
    internal bool TryIdentify(ReadablePages* pages)
    {
        Identity = Hash.Add(Hash.Add(Hash.Add(0, Start), End), Frames);
        ElfImage image = default;
        if (!image.TryRead(pages, Start))
        {
            return pages->CanRead(Start) && (Frames == 0 || pages->CanRead(Frames)); // its header was not loaded
        }

        AddRange(pages, (nuint)image.Segments, (nuint)image.SegmentCount * (nuint)sizeof(Segment));
        for (int i = 0; i < image.SegmentCount; i++)
        {
            if (image.Segments[i].Type == ElfImage.Note)
            {
                AddRange(pages, image.Base + image.Segments[i].Address, image.Segments[i].MemoryBytes);
            }
        }

        return true;
    }

    private void AddRange(ReadablePages* pages, nuint start, nuint bytes)
    {
        const nuint Most = 4096; // notes have a hundred
        bytes = bytes < Most ? bytes : Most;
        if (start % sizeof(uint) == 0 && pages->CanRead(start, bytes))
        {
            for (nuint at = start; at + sizeof(uint) <= start + bytes; at += sizeof(uint))
            {
                Identity = Hash.Add(Identity, *(uint*)at);
            }
        }
    }
}

/// <summary>Mixes words into one of which all bits depend on all of theirs.</summary>
internal static class Hash
{
    /// <summary>An odd number without a pattern: 2^64 divided by the golden ratio.</summary>
    private const ulong Spread = 0x9e37_79b9_7f4a_7c15;

    internal static ulong Add(ulong hash, ulong word)
    {
        hash = (hash ^ word) * Spread;
        return hash ^ hash >> 32;
    }
}

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

        bool hasBuildId = false;
        for (int i = 0; i < image.SegmentCount; i++)
        {
            if (image.Segments[i].Type == Segment.Note)
            {
                hasBuildId |= AddBuildId(pages, image.Base + image.Segments[i].Address, image.Segments[i].MemoryBytes);
            }
        }

        if (!hasBuildId)
        {
            Add((uint*)image.Segments, image.SegmentCount * sizeof(Segment) / sizeof(uint));
        }

        return true;
    }

    // Linkers put it first among the notes of its kind.
    private bool AddBuildId(ReadablePages* pages, nuint start, nuint bytes)
    {
        const int Words = 9; // a header of four, and 20 bytes
        if (start % sizeof(uint) != 0 || bytes < Words * sizeof(uint) || !pages->CanRead(start, Words * sizeof(uint)) || !((ElfNote*)start)->IsBuildId)
        {
            return false;
        }

        Add((uint*)start, Words);
        return true;
    }

    private void Add(uint* words, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Identity = Hash.Add(Identity, words[i]);
        }
    }
}

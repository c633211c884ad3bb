namespace NativeMalloc;

/// <summary>A loaded object, as far as a stack needs it.</summary>
internal unsafe struct CodeObject
{
    private const int BuildIdWords = 9; // a header of four, and 20 bytes

    internal nuint Start;
    internal nuint End;

    /// <summary>Its .eh_frame_hdr; 0 where it has none.</summary>
    internal nuint Frames;

    /// <summary>
    /// A number of its headers and its build id: with that, another object has the same only by a chance of one to 2^64, even at the same place.
    /// </summary>
    internal ulong Identity;

    /// <summary>Where its build id lies, once it is identified by that; else 0.</summary>
    internal nuint BuildId;

    internal readonly bool Contains(nuint address) => address >= Start && address < End;

    /// <summary>What glibc says is loaded there is what was identified.</summary>
    internal bool IsStill(FoundObject* answer, ReadablePages* pages)
    {
        CodeObject now = new() { Start = answer->Start, End = answer->End, Frames = answer->Frames };
        now.BeginIdentity();
        return BuildId != 0 && Contains(BuildId) && now.AddBuildId(pages, BuildId, BuildIdWords * sizeof(uint)) && now.Identity == Identity;
    }

    /// <summary>Reads the identity; false if the object is not there any more.</summary>
    internal bool TryIdentify(ReadablePages* pages)
    {
        BeginIdentity();
        BuildId = 0;
        ElfImage image = default;
        if (!image.TryRead(pages, Start))
        {
            return pages->CanRead(Start) && (Frames == 0 || pages->CanRead(Frames)); // its header was not loaded
        }

        for (int i = 0; BuildId == 0 && i < image.SegmentCount; i++)
        {
            nuint note = image.Base + image.Segments[i].Address;
            if (image.Segments[i].Type == Segment.Note && AddBuildId(pages, note, image.Segments[i].MemoryBytes))
            {
                BuildId = note;
            }
        }

        if (BuildId == 0)
        {
            Add((uint*)image.Segments, image.SegmentCount * sizeof(Segment) / sizeof(uint));
        }

        return true;
    }

    // Linkers put it first among the notes of its kind.
    private bool AddBuildId(ReadablePages* pages, nuint start, nuint bytes)
    {
        if (start % sizeof(uint) != 0 || bytes < BuildIdWords * sizeof(uint) || !pages->CanRead(start, BuildIdWords * sizeof(uint)) ||
            !((ElfNote*)start)->IsBuildId)
        {
            return false;
        }

        Add((uint*)start, BuildIdWords);
        return true;
    }

    private void BeginIdentity() => Identity = Hash.Add(Hash.Add(Hash.Add(0, Start), End), Frames);

    private void Add(uint* words, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Identity = Hash.Add(Identity, words[i]);
        }
    }
}

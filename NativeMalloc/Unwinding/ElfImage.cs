namespace NativeMalloc;

/// <summary>The headers of an object in memory (System V ABI, chapters 4 and 5).</summary>
internal unsafe struct ElfImage
{
    /// <summary>What the addresses in the headers are relative to.</summary>
    internal nuint Base;
    internal Segment* Segments;
    internal int SegmentCount;

    /// <summary>The image whose header lies there; false if none does.</summary>
    internal bool TryRead(ReadablePages* pages, nuint start)
    {
        ElfHeader* header = (ElfHeader*)start;
        if (!pages->CanRead(start, (nuint)sizeof(ElfHeader)) || !header->IsValid)
        {
            return false;
        }

        Segments = (Segment*)(start + (nuint)header->Segments);
        SegmentCount = header->SegmentCount;
        if ((nuint)Segments % sizeof(ulong) != 0 || SegmentCount == 0 || !pages->CanRead((nuint)Segments, (nuint)SegmentCount * (nuint)sizeof(Segment)))
        {
            return false;
        }

        for (int i = 0; i < SegmentCount; i++)
        {
            if (Segments[i].Type == Segment.Load && Segments[i].Offset == 0)
            {
                Base = start - Segments[i].Address;
                return true;
            }
        }

        return false;
    }

    /// <summary>The first segment of that kind; null if there is none.</summary>
    internal readonly Segment* Find(uint type)
    {
        for (int i = 0; i < SegmentCount; i++)
        {
            if (Segments[i].Type == type)
            {
                return &Segments[i];
            }
        }

        return null;
    }

    /// <summary>What is loaded of it.</summary>
    internal readonly CodeObject Code
    {
        get
        {
            CodeObject code = new() { Start = unchecked((nuint)ulong.MaxValue) };
            for (int i = 0; i < SegmentCount; i++)
            {
                Segment* segment = &Segments[i];
                nuint start = Base + segment->Address;
                if (segment->Type == Segment.Load)
                {
                    code.Start = start < code.Start ? start : code.Start;
                    code.End = start + segment->MemoryBytes > code.End ? start + segment->MemoryBytes : code.End;
                }
                else if (segment->Type == Segment.Frames)
                {
                    code.Frames = start;
                }
            }

            return code;
        }
    }
}

namespace NativeMalloc;

/// <summary>The headers of an object in memory (System V ABI, chapters 4 and 5).</summary>
internal unsafe struct ElfImage
{
    internal const uint Load = 1;
    internal const uint Dynamic = 2;
    internal const uint Note = 4;
    internal const uint HeaderTable = 6; // PT_PHDR
    internal const uint Frames = 0x6474e550; // PT_GNU_EH_FRAME

    private const uint Magic = 0x464c457f;
    private const nuint HeaderBytes = 64;
    private const int HeadersAt = 32;
    private const int HeaderSizeAt = 54;
    private const int HeaderCountAt = 56;

    /// <summary>What the addresses in the headers are relative to.</summary>
    internal nuint Base;
    internal Segment* Segments;
    internal int SegmentCount;

    /// <summary>The image whose header lies there; false if none does.</summary>
    internal bool TryRead(ReadablePages* pages, nuint header)
    {
        if (!pages->CanRead(header, HeaderBytes) || *(uint*)header != Magic || *(ushort*)(header + HeaderSizeAt) != sizeof(Segment))
        {
            return false;
        }

        Segments = (Segment*)(header + (nuint)(*(ulong*)(header + HeadersAt)));
        SegmentCount = *(ushort*)(header + HeaderCountAt);
        if ((nuint)Segments % sizeof(ulong) != 0 || SegmentCount == 0 || !pages->CanRead((nuint)Segments, (nuint)SegmentCount * (nuint)sizeof(Segment)))
        {
            return false;
        }

        for (int i = 0; i < SegmentCount; i++)
        {
            if (Segments[i].Type == Load && Segments[i].Offset == 0)
            {
                Base = header - Segments[i].Address;
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
                if (segment->Type == Load)
                {
                    code.Start = start < code.Start ? start : code.Start;
                    code.End = start + segment->MemoryBytes > code.End ? start + segment->MemoryBytes : code.End;
                }
                else if (segment->Type == Frames)
                {
                    code.Frames = start;
                }
            }

            return code;
        }
    }
}

namespace NativeMalloc;

/// <summary>The build id of a loaded image, from the note that the linker put there (NT_GNU_BUILD_ID). The image may go away meanwhile.</summary>
internal static unsafe class BuildId<TSource>
    where TSource : IProfileSource
{
    /// <summary>Bytes of the longest that is read. Linkers make 20, or 16 or 8.</summary>
    internal const int MostBytes = 32;

    private const int MostNotes = 32;

    /// <summary>Of headers, at once: most images have eleven or so, and each copy takes system calls.</summary>
    private const int SegmentsAtOnce = 16;

    /// <summary>Of the image whose file's start is mapped there; returns its length, 0 if it has none.</summary>
    internal static int Read(ulong start, byte* id)
    {
        ElfHeader header;
        if (!TSource.TryCopy(start, &header, (nuint)sizeof(ElfHeader)) || !header.IsValid)
        {
            return 0;
        }

        Segment* segments = stackalloc Segment[SegmentsAtOnce];
        bool isPlaced = false;
        ulong offset = 0; // of addresses in memory from those in the file
        for (int i = 0; i < header.SegmentCount && !isPlaced; i++)
        {
            if (!TryCopy(start, header, i, segments))
            {
                return 0;
            }

            Segment* segment = segments + i % SegmentsAtOnce;
            isPlaced = segment->Type == Segment.Load;
            offset = isPlaced ? start + segment->Offset - segment->Address : 0;
        }

        for (int i = 0; i < header.SegmentCount; i++)
        {
            if (!TryCopy(start, header, i, segments))
            {
                return 0;
            }

            Segment* segment = segments + i % SegmentsAtOnce;
            int length = segment->Type == Segment.Note ? ReadNotes(offset + segment->Address, segment->MemoryBytes, segment->Alignment, id) : 0;
            if (length != 0)
            {
                return length;
            }
        }

        return 0;
    }

    // Has the header of that number copied, with those that follow it, where it is the first of so many.
    private static bool TryCopy(ulong start, in ElfHeader header, int number, Segment* segments)
    {
        int rest = header.SegmentCount - number;
        int count = rest < SegmentsAtOnce ? rest : SegmentsAtOnce;
        return number % SegmentsAtOnce != 0 || TSource.TryCopy(start + header.Segments + (ulong)(number * sizeof(Segment)), segments, (nuint)(count * sizeof(Segment)));
    }

    private static int ReadNotes(ulong start, ulong bytes, ulong alignment, byte* id)
    {
        ulong mask = alignment == 8 ? 7UL : 3UL;
        ElfNote note;
        ulong at = 0;
        for (int i = 0; i < MostNotes && at + (uint)sizeof(ElfNote) <= bytes && TSource.TryCopy(start + at, &note, (nuint)sizeof(ElfNote)); i++)
        {
            // The name follows; the note's structure has the first four bytes of it.
            ulong text = at + 12 + note.NameBytes + mask & ~mask;
            if (note.IsBuildId)
            {
                return note.TextBytes <= MostBytes && TSource.TryCopy(start + text, id, note.TextBytes) ? (int)note.TextBytes : 0;
            }

            at = text + note.TextBytes + mask & ~mask;
        }

        return 0;
    }
}

namespace NativeMalloc;

/// <summary>
/// Makes the sorted table for a program that has none, since gcc asks the linker for one in no static program, and musl's in none at all. Its
/// entries (.eh_frame) are there, but nothing says where: they are the row of records that leads from one to the next up to an empty one.
/// </summary>
internal static unsafe class FrameSearch
{
    private const uint Writable = 2; // PF_W

    /// <summary>Version 1, no address of the entries, how many there are, and rows of two words.</summary>
    private const uint Header = 1 | TableReader.Omitted << 8 | TableReader.UnsignedFourBytes << 16 | FrameTable.LongRows << 24;

    /// <summary>The table, as <see cref="FrameTable"/> reads it; 0 where there are no entries, or is no memory.</summary>
    internal static nuint MakeTable(Workspace* work, ElfImage* image)
    {
        for (int i = 0; i < image->SegmentCount; i++)
        {
            Segment* segment = &image->Segments[i];
            byte* start = (byte*)(image->Base + segment->Address & ~(nuint)7);
            byte* end = (byte*)(image->Base + segment->Address + segment->FileBytes);
            if (segment->Type != Segment.Load || (segment->Flags & Writable) != 0 || !work->Pages.CanRead((nuint)start, (nuint)(end - start)))
            {
                continue;
            }

            for (byte* at = start; at + 2 * sizeof(ulong) < end; at += sizeof(uint))
            {
                if (BeginsCommon(at) && Count(at, end) is var count && count > 0)
                {
                    return Make(work, at, count);
                }
            }
        }

        return 0;
    }

    // As compilers begin it: the length, zero, the version and an augmentation with a length.
    private static bool BeginsCommon(byte* at) => *(uint*)at is >= 8 and < 256 && *(uint*)(at + 4) == 0 && at[8] == 1 && at[9] == (byte)'z';

    // Of the descriptions in that row of records; 0 if it is none.
    private static uint Count(byte* first, byte* end)
    {
        uint count = 0;
        byte* at = first;
        while (end - at >= sizeof(uint) && *(uint*)at != 0)
        {
            uint length = *(uint*)at;
            if (length < sizeof(uint) || length > end - at - sizeof(uint))
            {
                return 0;
            }

            uint distance = *(uint*)(at + sizeof(uint));
            if (distance != 0)
            {
                byte* common = at + sizeof(uint) - distance;
                if (common < first || common >= at || *(uint*)(common + sizeof(uint)) != 0)
                {
                    return 0;
                }

                count++;
            }

            at += length + sizeof(uint);
        }

        return end - at >= sizeof(uint) ? count : 0;
    }

    private static nuint Make(Workspace* work, byte* at, uint count)
    {
        uint* table = (uint*)Metadata.Allocate(sizeof(ulong) + (nuint)count * (nuint)sizeof(SortEntry));
        if (table == null)
        {
            return 0;
        }

        SortEntry* rows = (SortEntry*)(table + 2);
        uint made = 0;
        for (; *(uint*)at != 0; at += *(uint*)at + sizeof(uint))
        {
            if (*(uint*)(at + sizeof(uint)) != 0 && work->Description.TryRead(&work->Pages, at))
            {
                rows[made++] = new SortEntry { Key = work->Description.Start, Value = (ulong)at };
            }
        }

        SortEntries.Ascending(rows, (int)made);
        for (uint i = 0; i < made; i++)
        {
            rows[i].Key -= (ulong)table; // as rows have it
            rows[i].Value -= (ulong)table;
        }

        table[0] = Header;
        table[1] = made;
        return (nuint)table;
    }
}

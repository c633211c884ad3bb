namespace NativeMalloc;

/// <summary>The sorted table of an object's functions (.eh_frame_hdr): Linux Standard Base, 10.6.2.</summary>
internal static unsafe class FrameTable
{
    private const int ShortRows = TableReader.RelativeToTable | TableReader.SignedFourBytes;
    internal const int LongRows = TableReader.RelativeToTable | TableReader.SignedEightBytes;

    /// <summary>The description of the function that the address is in; false if none is there, or none that can be understood.</summary>
    internal static bool TryFind(ReadablePages* pages, nuint table, nuint address, FrameDescription* description, out byte* entry)
    {
        entry = null;
        TableReader reader = new(pages, (byte*)table);
        if (reader.Byte() != 1)
        {
            return false;
        }

        int framesEncoding = reader.Byte();
        int countEncoding = reader.Byte();
        int rowEncoding = reader.Byte();
        if (framesEncoding != TableReader.Omitted)
        {
            reader.Address(framesEncoding, table);
        }

        if (countEncoding == TableReader.Omitted || rowEncoding is not (ShortRows or LongRows))
        {
            return false;
        }

        ulong count = reader.Address(countEncoding, table);
        nuint rows = (nuint)reader.At;
        nuint rowBytes = rowEncoding == ShortRows ? 2u * sizeof(int) : 2u * sizeof(long);
        ulong first = 0;
        ulong last = count; // the last row that begins at or before the address lies before
        while (first < last && !reader.Failed)
        {
            ulong middle = first + (last - first) / 2;
            reader = new TableReader(pages, (byte*)(rows + (nuint)middle * rowBytes));
            if (reader.Address(rowEncoding, table) <= address)
            {
                first = middle + 1;
            }
            else
            {
                last = middle;
            }
        }

        if (first == 0 || reader.Failed)
        {
            return false;
        }

        reader = new TableReader(pages, (byte*)(rows + (nuint)(first - 1) * rowBytes + rowBytes / 2));
        entry = (byte*)reader.Address(rowEncoding, table);
        return !reader.Failed && description->TryRead(pages, entry) && address >= description->Start && address < description->End;
    }
}

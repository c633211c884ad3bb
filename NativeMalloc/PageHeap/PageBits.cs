namespace NativeMalloc;

/// <summary>Sets of the 256 pages of a huge page: four words, bit i of word w for page 64 w + i.</summary>
internal static unsafe class PageBits
{
    internal const int Pages = 256;
    internal const int Words = 4;

    internal static void Set(ulong* bits, int first, int count) => Bits.Set(bits, first, count);

    internal static void Clear(ulong* bits, int first, int count) => Bits.Clear(bits, first, count);

    /// <summary>How many pages of the range are in the set.</summary>
    internal static int Count(ulong* bits, int first, int count)
    {
        int result = 0;
        for (int page = first; page < first + count; page = (page / 64 + 1) * 64)
        {
            result += Bits.Count(bits[page / 64] & Bits.Mask(page, first + count));
        }

        return result;
    }

    /// <summary>The first of <paramref name="count"/> pages in a row that are not in the set, or -1.</summary>
    internal static int FindClearRun(ulong* bits, int count)
    {
        int page = 0;
        while (NextClearRun(bits, ref page, out int length))
        {
            if (length >= count)
            {
                return page;
            }

            page += length;
        }

        return -1;
    }

    /// <summary>Length of the longest row of pages that are not in the set.</summary>
    internal static int LongestClearRun(ulong* bits) => Bits.LongestClearRun(bits, Pages);

    /// <summary>Moves <paramref name="page"/> on to the next row of pages that are not in the set; false if there is none.</summary>
    internal static bool NextClearRun(ulong* bits, ref int page, out int length) => Bits.NextClearRun(bits, ref page, Pages, out length);
}

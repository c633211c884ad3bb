using System.Numerics;

namespace NativeMalloc;

/// <summary>Sets of the 256 pages of a huge page: four words, bit i of word w for page 64 w + i.</summary>
internal static unsafe class PageBits
{
    internal const int Pages = 256;
    internal const int Words = 4;

    internal static void Set(ulong* bits, int first, int count)
    {
        for (int word = first / 64; count > 0; word++)
        {
            bits[word] |= Mask(first, count, out int done);
            first += done;
            count -= done;
        }
    }

    internal static void Clear(ulong* bits, int first, int count)
    {
        for (int word = first / 64; count > 0; word++)
        {
            bits[word] &= ~Mask(first, count, out int done);
            first += done;
            count -= done;
        }
    }

    /// <summary>How many pages of the range are in the set.</summary>
    internal static int Count(ulong* bits, int first, int count)
    {
        int result = 0;
        for (int word = first / 64; count > 0; word++)
        {
            result += PopulationCount(bits[word] & Mask(first, count, out int done));
            first += done;
            count -= done;
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
    internal static int LongestClearRun(ulong* bits)
    {
        int longest = 0;
        int page = 0;
        while (NextClearRun(bits, ref page, out int length))
        {
            if (length > longest)
            {
                longest = length;
            }

            page += length;
        }

        return longest;
    }

    /// <summary>Moves <paramref name="page"/> on to the next row of pages that are not in the set; false if there is none.</summary>
    internal static bool NextClearRun(ulong* bits, ref int page, out int length)
    {
        page = NextWith(bits, page, ulong.MaxValue);
        int end = NextWith(bits, page, 0);
        length = end - page;
        return length > 0;
    }

    // The next page, from "page" on, whose bit differs from those of "flip" (all ones: a clear one; zero: a set one).
    private static int NextWith(ulong* bits, int page, ulong flip)
    {
        while (page < Pages)
        {
            ulong word = (bits[page / 64] ^ flip) >> (page % 64);
            if (word != 0)
            {
                return page + BitOperations.TrailingZeroCount(word);
            }

            page = (page / 64 + 1) * 64;
        }

        return Pages;
    }

    // The bits of the range that lie in its first word, and how many they are.
    private static ulong Mask(int first, int count, out int done)
    {
        int bit = first % 64;
        done = 64 - bit < count ? 64 - bit : count;
        return (ulong.MaxValue >> (64 - done)) << bit;
    }

    // The instruction is not in the x86-64 baseline.
    private static int PopulationCount(ulong value)
    {
        value -= (value >> 1) & 0x5555555555555555;
        value = (value & 0x3333333333333333) + ((value >> 2) & 0x3333333333333333);
        value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0f;
        return (int)((value * 0x0101010101010101) >> 56);
    }
}

using System.Numerics;

namespace NativeMalloc;

/// <summary>Sets of small numbers in a row of words, of any length: bit i of word w for 64 w + i.</summary>
internal static unsafe class Bits
{
    internal static bool Has(ulong* bits, int number) => (bits[number / 64] & 1UL << number % 64) != 0;

    internal static void Set(ulong* bits, int first, int count)
    {
        for (int number = first; number < first + count; number = (number / 64 + 1) * 64)
        {
            bits[number / 64] |= Mask(number, first + count);
        }
    }

    internal static void Clear(ulong* bits, int first, int count)
    {
        for (int number = first; number < first + count; number = (number / 64 + 1) * 64)
        {
            bits[number / 64] &= ~Mask(number, first + count);
        }
    }

    /// <summary>The first number from <paramref name="number"/> on that is not in the set; <paramref name="end"/> if all are.</summary>
    internal static int NextClear(ulong* bits, int number, int end) => Next(bits, number, end, ulong.MaxValue);

    /// <summary>The first number from <paramref name="number"/> on that is in the set; <paramref name="end"/> if none is.</summary>
    internal static int NextSet(ulong* bits, int number, int end) => Next(bits, number, end, 0);

    /// <summary>Moves <paramref name="number"/> on to the next row of numbers that are not in the set; false if there is none.</summary>
    internal static bool NextClearRun(ulong* bits, ref int number, int end, out int length)
    {
        number = NextClear(bits, number, end);
        length = NextSet(bits, number, end) - number;
        return length > 0;
    }

    /// <summary>Length of the longest row of numbers that are not in the set.</summary>
    internal static int LongestClearRun(ulong* bits, int end)
    {
        int longest = 0;
        int row = 0; // that ends where the word begins
        for (int number = 0; number < end; number += 64)
        {
            ulong set = end - number < 64 ? bits[number / 64] | ~Mask(number, end) : bits[number / 64];
            if (set == 0)
            {
                row += 64;
                continue;
            }

            row += BitOperations.TrailingZeroCount(set);
            longest = row > longest ? row : longest;
            longest = LongestWithin(~set, longest);
            row = BitOperations.LeadingZeroCount(set);
        }

        return row > longest ? row : longest;
    }

    // The longest row of set bits, if it is longer than that, in a word that has others. By steps that double, however many rows there are.
    private static int LongestWithin(ulong word, int longest)
    {
        int length = 1; // each bit that is left begins a row of so many
        ulong rows = word;
        while (length <= longest)
        {
            int step = length <= longest - length ? length : longest + 1 - length;
            rows &= rows >> step;
            length += step;
            if (rows == 0)
            {
                return longest;
            }
        }

        while (rows != 0)
        {
            longest++;
            rows &= rows >> 1;
        }

        return longest;
    }

    private static int Next(ulong* bits, int number, int end, ulong flip)
    {
        while (number < end)
        {
            ulong word = (bits[number / 64] ^ flip) >> number % 64;
            if (word != 0)
            {
                number += BitOperations.TrailingZeroCount(word);
                return number < end ? number : end;
            }

            number = (number / 64 + 1) * 64;
        }

        return end;
    }

    /// <summary>In the word of a number, the bits from it on, up to the end of the word or the range's.</summary>
    internal static ulong Mask(int number, int end)
    {
        int last = end - number / 64 * 64;
        ulong below = last >= 64 ? ulong.MaxValue : (1UL << last) - 1;
        return below & ulong.MaxValue << number % 64;
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Sets of small numbers in a row of words, of any length: bit i of word w for 64 w + i. (A shift by a number is one by what is left of 64.)
/// </summary>
internal static unsafe class Bits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Has(ulong* bits, int number) => (bits[(uint)number / 64] & 1UL << number) != 0;

    internal static void Set(ulong* bits, int first, int count)
    {
        if (count == 0)
        {
            return;
        }

        ulong* word = bits + (uint)first / 64;
        ulong mask = ulong.MaxValue << first;
        int end = (first & 63) + count; // as the word counts
        for (; end > 64; end -= 64, mask = ulong.MaxValue)
        {
            *word++ |= mask;
        }

        *word |= mask & Below(end);
    }

    internal static void Clear(ulong* bits, int first, int count)
    {
        if (count == 0)
        {
            return;
        }

        ulong* word = bits + (uint)first / 64;
        ulong mask = ulong.MaxValue << first;
        int end = (first & 63) + count;
        for (; end > 64; end -= 64, mask = ulong.MaxValue)
        {
            *word++ &= ~mask;
        }

        *word &= ~(mask & Below(end));
    }

    /// <summary>The first number from <paramref name="number"/> on that is not in the set; <paramref name="end"/> if all are.</summary>
    internal static int NextClear(ulong* bits, int number, int end) => Next(bits, number, end, ulong.MaxValue);

    /// <summary>The first number from <paramref name="number"/> on that is in the set; <paramref name="end"/> if none is.</summary>
    internal static int NextSet(ulong* bits, int number, int end) => Next(bits, number, end, 0);

    /// <summary>One more than the last number before <paramref name="number"/> that is in the set; 0 if none is.</summary>
    internal static int AfterPreviousSet(ulong* bits, int number)
    {
        while (number > 0)
        {
            int last = number - 1;
            ulong word = bits[(uint)last / 64] << ~last; // its bit becomes the highest
            if (word != 0)
            {
                return number - BitOperations.LeadingZeroCount(word);
            }

            number = last & -64;
        }

        return 0;
    }

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
            ulong word = (bits[(uint)number / 64] ^ flip) >> number;
            if (word != 0)
            {
                number += BitOperations.TrailingZeroCount(word);
                return number < end ? number : end;
            }

            number = NextWord(number);
        }

        return end;
    }

    /// <summary>How many numbers of one word are in the set. (The instruction is not in the x86-64 baseline.)</summary>
    internal static int Count(ulong value)
    {
        value -= (value >> 1) & 0x5555555555555555;
        value = (value & 0x3333333333333333) + ((value >> 2) & 0x3333333333333333);
        value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0f;
        return (int)((value * 0x0101010101010101) >> 56);
    }

    /// <summary>Takes the first row of neighbours out of a set of one word, which has some; returns how many they are.</summary>
    internal static int TakeRow(ref ulong bits, out int first)
    {
        first = BitOperations.TrailingZeroCount(bits);
        int count = BitOperations.TrailingZeroCount(~(bits >> first));
        bits &= ~Mask(first, first + count);
        return count;
    }

    /// <summary>In the word of a number, the bits from it on, up to the end of the word or the range's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Mask(int number, int end)
    {
        int last = end - (number & -64);
        return Below(last < 64 ? last : 64) & ulong.MaxValue << number;
    }

    /// <summary>The first number of the next word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int NextWord(int number) => (number | 63) + 1;

    // So many bits from the lowest on, 1 to 64.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Below(int count) => ulong.MaxValue >> (64 - count);
}

using System.Numerics;

namespace NativeMalloc;

/// <summary>Sets of units in a row of words, of any length: bit i of word w for unit 64 w + i.</summary>
internal static unsafe class UnitBits
{
    internal static bool Has(ulong* bits, int unit) => (bits[unit / 64] & 1UL << unit % 64) != 0;

    internal static void Set(ulong* bits, int first, int count)
    {
        for (int unit = first; unit < first + count; unit = (unit / 64 + 1) * 64)
        {
            bits[unit / 64] |= Mask(unit, first + count);
        }
    }

    internal static void Clear(ulong* bits, int first, int count)
    {
        for (int unit = first; unit < first + count; unit = (unit / 64 + 1) * 64)
        {
            bits[unit / 64] &= ~Mask(unit, first + count);
        }
    }

    /// <summary>The first unit from <paramref name="unit"/> on that is not in the set; <paramref name="end"/> if all are.</summary>
    internal static int NextClear(ulong* bits, int unit, int end) => Next(bits, unit, end, ulong.MaxValue);

    /// <summary>The first unit from <paramref name="unit"/> on that is in the set; <paramref name="end"/> if none is.</summary>
    internal static int NextSet(ulong* bits, int unit, int end) => Next(bits, unit, end, 0);

    private static int Next(ulong* bits, int unit, int end, ulong flip)
    {
        while (unit < end)
        {
            ulong word = (bits[unit / 64] ^ flip) >> unit % 64;
            if (word != 0)
            {
                unit += BitOperations.TrailingZeroCount(word);
                return unit < end ? unit : end;
            }

            unit = (unit / 64 + 1) * 64;
        }

        return end;
    }

    // The bits from a unit on, up to the end of its word or the range's.
    private static ulong Mask(int unit, int end)
    {
        int last = end - unit / 64 * 64;
        ulong below = last >= 64 ? ulong.MaxValue : (1UL << last) - 1;
        return below & ulong.MaxValue << unit % 64;
    }
}

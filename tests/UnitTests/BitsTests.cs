using System;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class BitsTests
{
    private const int Words = 5;
    private const int Units = Words * 64;

    // Against a plain array, by the same random operations.
    [Fact]
    public void AgreesWithAnArray()
    {
        Random random = new(11);
        bool[] model = new bool[Units];
        ulong* bits = stackalloc ulong[Words];
        new Span<ulong>(bits, Words).Clear();
        for (int step = 0; step < 20_000; step++)
        {
            int first = random.Next(Units);
            int count = random.Next(1, Math.Min(Units - first, 150) + 1);
            bool set = random.Next(2) == 0;
            if (set)
            {
                Bits.Set(bits, first, count);
            }
            else
            {
                Bits.Clear(bits, first, count);
            }

            Array.Fill(model, set, first, count);
            int from = random.Next(Units);
            int end = random.Next(from, Units + 1);
            Assert.Equal(Next(model, from, end, true), Bits.NextSet(bits, from, end));
            Assert.Equal(Next(model, from, end, false), Bits.NextClear(bits, from, end));
            Assert.Equal(Array.LastIndexOf(model[..from], true) + 1, Bits.AfterPreviousSet(bits, from));
            Assert.Equal(Longest(model[..end]), Bits.LongestClearRun(bits, end));
            Assert.Equal(model[first], Bits.Has(bits, first));
            Assert.Equal(model[from], Bits.Has(bits, from));
        }

        Assert.Equal(model, Enumerable.Range(0, Units).Select(unit => Bits.Has(bits, unit)));
    }

    private static int Longest(bool[] model)
    {
        int longest = 0;
        int row = 0;
        foreach (bool value in model)
        {
            row = value ? 0 : row + 1;
            longest = Math.Max(longest, row);
        }

        return longest;
    }

    private static int Next(bool[] model, int from, int end, bool value)
    {
        int found = Array.IndexOf(model, value, from, end - from);
        return found < 0 ? end : found;
    }
}

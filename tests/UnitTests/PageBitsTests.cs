using System;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class PageBitsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void BehavesAsAnArrayOfBooleans(int seed)
    {
        Random random = new(seed);
        ulong* bits = stackalloc ulong[PageBits.Words];
        new Span<ulong>(bits, PageBits.Words).Clear();
        bool[] model = new bool[PageBits.Pages];
        for (int step = 0; step < 20_000; step++)
        {
            // Short ranges leave rows of every length, long ones clear the ground.
            int first = random.Next(PageBits.Pages);
            int count = random.Next(random.Next(8) == 0 ? PageBits.Pages - first + 1 : Math.Min(PageBits.Pages - first, 20) + 1);
            bool set = random.Next(2) == 0;
            Array.Fill(model, set, first, count);
            if (set)
            {
                PageBits.Set(bits, first, count);
            }
            else
            {
                PageBits.Clear(bits, first, count);
            }

            AssertSame(model, bits, random, $"seed {seed}, step {step}");
        }
    }

    [Theory]
    [InlineData(false, 256, 0)]
    [InlineData(true, 0, -1)]
    public void AnswersForNoneAndForAll(bool all, int longest, int found)
    {
        ulong* bits = stackalloc ulong[PageBits.Words];
        new Span<ulong>(bits, PageBits.Words).Fill(all ? ulong.MaxValue : 0);
        Assert.Equal(longest, PageBits.LongestClearRun(bits));
        Assert.Equal(found, PageBits.FindClearRun(bits, PageBits.Pages));
        Assert.Equal(found, PageBits.FindClearRun(bits, 1));
        Assert.Equal(PageBits.Pages - longest, PageBits.Count(bits, 0, PageBits.Pages));
    }

    [Fact]
    public void RowsAreWalkedFromTheFirstToTheLast()
    {
        ulong* bits = stackalloc ulong[PageBits.Words];
        new Span<ulong>(bits, PageBits.Words).Clear();
        PageBits.Set(bits, 0, 3);
        PageBits.Set(bits, 60, 70);
        PageBits.Set(bits, 255, 1);
        int page = 0;
        Assert.True(PageBits.NextClearRun(bits, ref page, out int length));
        Assert.Equal((3, 57), (page, length));
        page += length;
        Assert.True(PageBits.NextClearRun(bits, ref page, out length));
        Assert.Equal((130, 125), (page, length));
        page += length;
        Assert.False(PageBits.NextClearRun(bits, ref page, out _));
    }

    private static void AssertSame(bool[] model, ulong* bits, Random random, string where)
    {
        for (int page = 0; page < PageBits.Pages; page++)
        {
            if (model[page] != ((bits[page / 64] >> (page % 64) & 1) != 0))
            {
                Assert.Fail($"{where}: page {page} should be {model[page]}");
            }
        }

        int first = random.Next(PageBits.Pages);
        int count = random.Next(PageBits.Pages - first + 1);
        int wanted = random.Next(1, random.Next(2) == 0 ? 16 : PageBits.Pages + 1);
        int[] rows = ClearRows(model);
        AssertEqual(model.Skip(first).Take(count).Count(used => used), PageBits.Count(bits, first, count), where);
        AssertEqual(rows.Max(), PageBits.LongestClearRun(bits), where);
        AssertEqual(Array.FindIndex(rows, row => row >= wanted), PageBits.FindClearRun(bits, wanted), where);
    }

    // At each page where a row of clear pages begins, its length; 0 elsewhere.
    private static int[] ClearRows(bool[] model)
    {
        int[] rows = new int[model.Length];
        int begin = -1;
        for (int page = 0; page < model.Length; page++)
        {
            if (model[page])
            {
                begin = -1;
                continue;
            }

            begin = begin < 0 ? page : begin;
            rows[begin]++;
        }

        return rows;
    }

    private static void AssertEqual(int expected, int actual, string where)
    {
        if (expected != actual)
        {
            Assert.Fail($"{where}: {actual} instead of {expected}");
        }
    }
}

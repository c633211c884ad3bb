using System;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed class SizeClassesTests
{
    private static readonly nuint[] s_classes = [.. Enumerable.Range(1, SizeClasses.Count - 1).Select(i => (nuint)i)];

    [Fact]
    public void EverySmallSizeHasTheSmallestClassThatHoldsIt()
    {
        for (nuint size = 0; size <= SizeClasses.MaxSize; size++)
        {
            nuint sizeClass = SizeClasses.Of(size);
            if (sizeClass == 0 || sizeClass >= SizeClasses.Count || SizeClasses.Size(sizeClass) < size
                || (sizeClass > 1 && SizeClasses.Size(sizeClass - 1) >= size))
            {
                Assert.Fail($"size {size} is in class {sizeClass}, of {SizeClasses.Size(sizeClass)} bytes");
            }
        }
    }

    [Fact]
    public void LargerSizesHaveClassZero()
    {
        Random random = new(1);
        for (nuint size = SizeClasses.MaxSize + 1; size < 4 * SizeClasses.MaxSize; size++)
        {
            AssertLarge(size);
        }

        for (int bits = 19; bits < 64; bits++)
        {
            for (int i = 0; i < 100; i++)
            {
                AssertLarge((nuint)1 << bits | (nuint)random.NextInt64() >> (64 - bits));
            }

            AssertLarge(((nuint)1 << bits) - 1 + ((nuint)1 << bits));
        }

        for (nuint size = nuint.MaxValue; size > nuint.MaxValue - 3 * SizeClasses.MaxSize; size--)
        {
            AssertLarge(size); // what rounding wraps around
        }

        Assert.Equal((nuint)0, SizeClasses.Size(0));
    }

    [Fact]
    public void SizesAscendInMultiplesOfSixteen()
    {
        Assert.All(s_classes, c => Assert.True(SizeClasses.Size(c) > SizeClasses.Size(c - 1)));
        Assert.All(s_classes, c => Assert.Equal((nuint)0, SizeClasses.Size(c) % 16));
        Assert.Equal((nuint)SizeClasses.MaxSize, SizeClasses.Size(SizeClasses.Count - 1));
    }

    [Fact]
    public void RoundingUpWastesAtMostAnEighth()
    {
        foreach (nuint sizeClass in s_classes.Where(c => SizeClasses.Size(c) > 128))
        {
            nuint request = SizeClasses.Size(sizeClass - 1) + 1;
            Assert.True((SizeClasses.Size(sizeClass) - request) * 8 <= request, $"{request} in {SizeClasses.Size(sizeClass)} bytes");
        }
    }

    [Fact]
    public void ReciprocalsNumberEveryObject()
    {
        foreach (nuint sizeClass in s_classes)
        {
            ulong size = SizeClasses.Size(sizeClass);
            for (ulong number = 0; number < (ulong)SizeClasses.ObjectsPerSpan(sizeClass); number++)
            {
                Assert.Equal(number, (number * size * SizeClasses.Reciprocal(sizeClass)) >> 32);
            }
        }
    }

    // So does a pointer into it, to its last byte, too.
    [Fact]
    public void EachByteIsOfTheObjectThatItLiesIn()
    {
        foreach (nuint sizeClass in s_classes)
        {
            nuint size = SizeClasses.Size(sizeClass);
            for (nuint number = 0; number < (nuint)SizeClasses.ObjectsPerSpan(sizeClass); number++)
            {
                foreach (nuint offset in new nuint[] { 0, 1, size / 2, size - 8, size - 1 })
                {
                    Assert.Equal(number, SizeClasses.NumberAt(number * size + offset, sizeClass));
                }
            }
        }
    }

    [Fact]
    public void BatchesAreThirtyTwoKibibytesWithinBounds() =>
        Assert.All(s_classes, c => Assert.Equal(Math.Clamp(32 * 1024 / (int)SizeClasses.Size(c), 2, 32), SizeClasses.Batch(c)));

    [Fact]
    public void SpansAreTheShortestThatTheRulesAllow()
    {
        foreach (nuint sizeClass in s_classes)
        {
            int size = (int)SizeClasses.Size(sizeClass);
            int least = Math.Max(SizeClasses.Batch(sizeClass) / 4, 1);
            int shortest = Enumerable.Range(1, 64).First(pages => Objects(pages) >= least && Tail(pages) * 32 < Bytes(pages));
            Assert.Equal(shortest, (int)SizeClasses.PagesPerSpan(sizeClass));
            Assert.Equal(Objects(shortest), SizeClasses.ObjectsPerSpan(sizeClass));
            Assert.InRange(SizeClasses.ObjectsPerSpan(sizeClass), 1, SizeClasses.MaxObjectsPerSpan);
            Assert.InRange((int)SizeClasses.PagesPerSpan(sizeClass), 1, SizeClasses.MaxPagesPerSpan);

            int Objects(int pages) => Bytes(pages) / size;
            int Tail(int pages) => Bytes(pages) % size;
        }

        static int Bytes(int pages) => pages * (int)PageMap.PageSize;
    }

    /// <summary>With its part of the span's tail, a block above 32 KiB takes at most a 32nd more than was asked for, on average.</summary>
    /// <param name="evenlyInEachDoubling">Each doubling of the sizes is as likely as the others; else each size is.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LargeSizesLoseAtMostA32ndOnAverage(bool evenlyInEachDoubling)
    {
        double lost = 0;
        double all = 0;
        for (nuint size = SizeClasses.MaxFineSize + 1; size <= SizeClasses.MaxSize; size++)
        {
            nuint sizeClass = SizeClasses.Of(size);
            double taken = (double)(SizeClasses.PagesPerSpan(sizeClass) * PageMap.PageSize) / SizeClasses.ObjectsPerSpan(sizeClass);
            double weight = evenlyInEachDoubling ? 1.0 / size : 1;
            lost += (taken / size - 1) * weight;
            all += weight;
        }

        Assert.InRange(lost / all, 0, 1.0 / 32);
    }

    // A page of the kernel: what lies above a block on pages of its own is not touched. Above 128 KiB two.
    [Fact]
    public void LargeSizesComeInStepsOfAPageOrTwo() =>
        Assert.All(s_classes.Where(c => SizeClasses.Size(c) > SizeClasses.MaxFineSize), c =>
            Assert.Equal(SizeClasses.Size(c) <= 128 * 1024 ? 4096u : 8192u, SizeClasses.Size(c) - SizeClasses.Size(c - 1)));

    [Fact]
    public void AlignedSizesHaveTheSmallestClassWhoseObjectsAreAllAligned()
    {
        Random random = new(1);
        for (nuint alignment = 1; alignment <= 4 * PageMap.PageSize; alignment *= 2)
        {
            for (int i = 0; i < 2000; i++)
            {
                nuint size = (nuint)random.NextInt64(1L << random.Next(1, 20));
                nuint expected = alignment > PageMap.PageSize || size > SizeClasses.MaxSize
                    ? 0
                    : s_classes.FirstOrDefault(c => SizeClasses.Size(c) >= size && SizeClasses.Size(c) % alignment == 0);
                if (SizeClasses.OfAligned(size, alignment) != expected)
                {
                    Assert.Fail($"{size} aligned to {alignment}: class {SizeClasses.OfAligned(size, alignment)} instead of {expected}");
                }
            }
        }
    }

    [Theory]
    [InlineData(ulong.MaxValue, 16)]
    [InlineData(1, 1UL << 63)]
    [InlineData(SizeClasses.MaxSize + 1, 16)]
    public void AlignedSizesThatNoClassServesHaveClassZero(ulong size, ulong alignment) =>
        Assert.Equal((nuint)0, SizeClasses.OfAligned((nuint)size, (nuint)alignment));

    private static void AssertLarge(nuint size)
    {
        if (SizeClasses.Of(size) != 0)
        {
            Assert.Fail($"size {size} is in class {SizeClasses.Of(size)}");
        }
    }
}

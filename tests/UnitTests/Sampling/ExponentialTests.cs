using System;
using Xunit;

namespace NativeMalloc.UnitTests.Sampling;

/// <summary>Distances between samples and what a sample stands for: <see cref="Exponential"/>.</summary>
public sealed class ExponentialTests
{
    [Fact]
    public void LogarithmIsThatOfTheLibrary()
    {
        for (double x = 1.0 / (1L << 53); x <= 1; x *= 1.0001)
        {
            double expected = Math.Log(x);
            Assert.InRange(Exponential.Log(x), expected - 1e-14 - Math.Abs(expected) * 1e-14, expected + 1e-14 + Math.Abs(expected) * 1e-14);
        }

        Assert.Equal(0, Exponential.Log(1));
    }

    [Fact]
    public void ChanceIsThatOfTheLibraryAlsoWhereItIsTiny()
    {
        for (double x = 1e-12; x < 100; x *= 1.001)
        {
            double expected = -ExpMinus1(-x);
            Assert.InRange(Exponential.ChanceWithin(x), expected * (1 - 1e-14), expected * (1 + 1e-14));
        }
    }

    [Theory]
    [InlineData(16, 512 << 10)]
    [InlineData(1, 2 << 20)]
    [InlineData(4 << 20, 64 << 10)]
    [InlineData(512 << 10, 512 << 10)]
    [InlineData(100, 2)]
    public void ASampleStandsForOneByItsChance(long size, long mean)
    {
        double expected = 1 / -ExpMinus1(-(double)size / mean);
        Assert.InRange(Exponential.Weight((nuint)size, (ulong)mean), expected * (1 - 1e-13), expected * (1 + 1e-13));
    }

    [Fact]
    public void WithTheMeanOneEachBlockStandsForItself()
    {
        ulong state = 5;
        Assert.Equal(1, Exponential.NextDistance(ref state, Exponential.EachBlock));
        Assert.Equal(1, Exponential.Weight(0, Exponential.EachBlock));
        Assert.Equal(1, Exponential.Weight(100, Exponential.EachBlock));
    }

    // Of blocks of a size, the part that are samples: each is one if the distance ends in it.
    [Theory]
    [InlineData(16, 64)]
    [InlineData(100, 64)]
    [InlineData(1000, 64)]
    [InlineData(16, 4096)]
    [InlineData(5000, 4096)]
    [InlineData(1, 2)]
    public void SoManyBlocksAreSamplesAsTheWeightSays(long size, long mean)
    {
        const int Blocks = 400_000;
        foreach (ulong seed in (ulong[])[0, 1, 12345])
        {
            ulong state = seed;
            long left = Exponential.NextDistance(ref state, (ulong)mean);
            int samples = 0;
            for (int i = 0; i < Blocks; i++)
            {
                left -= size;
                if (left <= 0)
                {
                    samples++;
                    left = Exponential.NextDistance(ref state, (ulong)mean);
                }
            }

            double chance = 1 / Exponential.Weight((nuint)size, (ulong)mean);
            double deviation = Math.Sqrt(Blocks * chance * (1 - chance));
            Assert.InRange(samples, Blocks * chance - 4 * deviation, Blocks * chance + 4 * deviation);
        }
    }

    // Kolmogorov and Smirnov's test against the exponential distribution.
    [Fact]
    public void DistancesAreExponential()
    {
        const int Count = 100_000;
        const double Mean = 524288;
        double[] distances = new double[Count];
        ulong state = 99;
        for (int i = 0; i < Count; i++)
        {
            distances[i] = Exponential.NextDistance(ref state, (ulong)Mean);
            Assert.True(distances[i] >= 1);
        }

        Array.Sort(distances);
        double most = 0;
        for (int i = 0; i < Count; i++)
        {
            double expected = 1 - Math.Exp(-distances[i] / Mean);
            most = Math.Max(most, Math.Max(Math.Abs(expected - (double)i / Count), Math.Abs((i + 1.0) / Count - expected)));
        }

        Assert.InRange(most, 0, 1.95 / Math.Sqrt(Count)); // exceeded once in a thousand
    }

    // e^x - 1 without the cancellation.
    private static double ExpMinus1(double x)
    {
        if (Math.Abs(x) > 0.1)
        {
            return Math.Exp(x) - 1;
        }

        double term = x;
        double sum = x;
        for (int i = 2; i < 20; i++)
        {
            term *= x / i;
            sum += term;
        }

        return sum;
    }
}

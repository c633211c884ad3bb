using System;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class HeapProfileTests : AllocatorTest
{
    private const int Mean = 512 << 10;

    public HeapProfileTests()
    {
        FakeProfile.Reset();
        FakeProfile.SetMaps("20010000-20020000 r-xp 00010000 fe:01 71                                 /usr/bin/program");
    }

    // So many samples of one size stand for blocks of which readers make as many again, to the last one.
    [Theory]
    [InlineData(16, 1)]
    [InlineData(16, 1000)]
    [InlineData(100, 7)]
    [InlineData(4096, 3)]
    [InlineData(Mean, 5)]
    [InlineData(4 << 20, 1)]
    [InlineData(1 << 30, 2)]
    public void SamplesOfOneSizeAreWrittenAsTheyWereTaken(int size, int samples)
    {
        Totals totals = Unsampled(Mean, (size, samples));
        FakeProfile.Add([0x20010201], totals, totals);
        (long objects, long bytes, _, _) = Assert.Single(Lines(Write(), out long mean));
        Assert.Equal((Mean, samples, (long)samples * size), (mean, objects, bytes));
        AssertClose(totals, Read(objects, bytes, mean), 1e-9);
    }

    // Of several sizes the number of samples is one of which readers make the same totals: to within half a sample.
    [Fact]
    public void SamplesOfSeveralSizesBecomeTheSameTotalsAgain()
    {
        Totals totals = Unsampled(Mean, (16, 40), (200, 100), (64 << 10, 30), (1 << 20, 10));
        FakeProfile.Add([0x20010201], totals, totals);
        (long objects, long bytes, _, _) = Assert.Single(Lines(Write(), out long mean));
        AssertClose(totals, Read(objects, bytes, mean), 0.5 / objects);
    }

    // Some were taken at a shorter distance: by the one in force they would be less than one sample.
    [Fact]
    public void SamplesOfAShorterDistanceAreNotLost()
    {
        Totals few = Unsampled(4096, (64, 1));
        Totals many = Unsampled(Mean, (64, 100));
        FakeProfile.Add([0x20010201], few, few);
        FakeProfile.Add([0x20010202], many, many);
        (long Objects, long Bytes, long, long)[] lines = Lines(Write(), out long mean);
        Assert.Equal(2, lines.Length);
        Assert.InRange(mean, 1, 4096 * 2);
        AssertClose(few, Read(lines[0].Objects, lines[0].Bytes, mean), 0.35); // half a sample of one
        AssertClose(many, Read(lines[1].Objects, lines[1].Bytes, mean), 0.001);
    }

    [Fact]
    public void BlocksOfNoBytesDoNotShortenTheDistance()
    {
        FakeProfile.Add([0x20010201], FakeProfile.Blocks(Mean, 0));
        FakeProfile.Add([0x20010202], Unsampled(Mean, (64, 1)));
        Assert.Single(Lines(Write(), out long mean));
        Assert.Equal(Mean, mean);
    }

    [Fact]
    public void WhenEachBlockIsASampleReadersMakeNoMoreOfIt()
    {
        FakeProfile.Mean = 1;
        FakeProfile.Add([0x20010201], FakeProfile.Blocks(3, 48));
        FakeProfile.Add([0x20010202], FakeProfile.Blocks(5, 5));
        string text = Write();
        Assert.StartsWith("heap profile: 8: 53 [0: 0] @ heapprofile\n", text);
        Assert.Contains("\n3: 48 [0: 0] @ 0x20010200\n5: 5 [0: 0] @ 0x20010201\n", text);
    }

    [Theory]
    [InlineData(ProfileValue.InUse, 1, 9)]
    [InlineData(ProfileValue.Allocated, 9, 9)]
    [InlineData(ProfileValue.Peak, 4, 9)]
    internal void TheFirstPairIsWhatIsAskedForAndTheSecondAllThatWasAllocated(ProfileValue value, int first, int second)
    {
        FakeProfile.Add([0x20010201], Unsampled(Mean, (64, 1)), Unsampled(Mean, (64, 9)), Unsampled(Mean, (64, 4)));
        (long objects, long bytes, long allocated, long allocatedBytes) = Assert.Single(Lines(Write(value), out _));
        Assert.Equal((first, first * 64, second, second * 64), (objects, bytes, allocated, allocatedBytes));
    }

    // Readers take one off all but the first.
    [Fact]
    public void LinesHaveTheAddressesAndTheMappingsFollow()
    {
        FakeProfile.Add([0x20010201, 0x20010301, 0x7fffffff0001], Unsampled(Mean, (64, 1)));
        FakeProfile.Add([], Unsampled(Mean, (64, 1)), end: StackEnd.NoRoom);
        string text = Write();
        Assert.Contains("1: 64 [0: 0] @ 0x20010200 0x20010301 0x7fffffff0001\n", text);
        Assert.Contains("1: 64 [0: 0] @ 0x1\n", text);
        Assert.StartsWith("heap profile: 2: 128 [0: 0] @ heap_v2/524288\n", text);
        Assert.EndsWith("\nMAPPED_LIBRARIES:\n20010000-20020000 r-xp 00010000 fe:01 71                                 /usr/bin/program\n", text);
    }

    private static string Write(ProfileValue value = ProfileValue.InUse)
    {
        Assert.Equal(0, HeapProfile<FakeProfile>.Write(7, value));
        return Encoding.UTF8.GetString([.. Os.Written.SelectMany(piece => piece)]);
    }

    private static (long Objects, long Bytes, long Allocated, long AllocatedBytes)[] Lines(string text, out long mean)
    {
        mean = long.Parse(Regex.Match(text, @"@ heap_v2/(\d+)\n").Groups[1].Value, CultureInfo.InvariantCulture);
        return [.. Regex.Matches(text, @"(?m)^(\d+): (\d+) \[(\d+): (\d+)\] @ 0x").Select(match => (Number(match, 1), Number(match, 2), Number(match, 3), Number(match, 4)))];

        static long Number(Match match, int group) => long.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    // What sampling makes of so many samples of each size.
    private static Totals Unsampled(double mean, params (int Size, int Samples)[] taken)
    {
        Totals totals = default;
        foreach ((int size, int samples) in taken)
        {
            double objects = samples / -double.ExpM1(-(size / mean));
            totals.Objects += objects;
            totals.Bytes += objects * size;
        }

        return totals;
    }

    // What google-pprof, jeprof and pprof do with a line.
    private static Totals Read(long objects, long bytes, long mean)
    {
        double scale = 1 / (1 - Math.Exp(-((double)bytes / objects) / mean));
        return FakeProfile.Blocks(objects * scale, bytes * scale);
    }

    private static void AssertClose(Totals expected, Totals actual, double error)
    {
        Assert.InRange(actual.Objects / expected.Objects, 1 - error, 1 + error);
        Assert.InRange(actual.Bytes / expected.Bytes, 1 - error, 1 + error);
    }
}

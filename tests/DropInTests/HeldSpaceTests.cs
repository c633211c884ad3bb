using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Who holds memory that is free: beside a program that knows, and the statistics. (tests/pins.sh does it a hundred times.)</summary>
public sealed class HeldSpaceTests
{
    private static readonly string[] s_sites = ["dust", "beads", "grains", "stones", "slabs", "holder"];

    [Fact]
    public void WhereEachBlockIsASampleItIsExact()
    {
        Profiled held = Run("1", "1");
        Assert.Equal(s_sites.Order(), held.Truth.Keys.Order());
        foreach ((string site, double truth) in held.Truth)
        {
            Assert.InRange(held.File.Of(site, "held_space"), 0.99 * truth, 1.01 * truth + (32 << 10)); // a class's last span was never used up
        }

        double measured = held.Free;
        Assert.InRange(Sum(held) / measured, 0.999, 1.001);
        Assert.InRange(held.Measured / measured, 0.999, 1.001);
    }

    // 20 % are five standard deviations.
    [Fact]
    public void SamplesTellItInTheMean()
    {
        Profiled held = Run("4K", "2");
        Assert.Equal(held.Truth.MaxBy(site => site.Value).Key, s_sites.MaxBy(site => held.File.Of(site, "held_space")));
        Assert.InRange(Sum(held) / held.Free, 0.8, 1.2);
        Assert.Equal(0, held.File.Of("mass", "held_space"));
    }

    // Nothing has gone back: pages lie free in spans and beside them, and what the caches hold has its part.
    [Fact]
    public void WhatIsKeptForAWhileCountsToo()
    {
        Profiled held = Run("1", "1", "keep");
        Assert.InRange(held.File.Of("slabs", "held_space"), 1 << 20, 20 << 20);
        Assert.InRange(held.Measured / held.Free, 0.9, 1.001); // but for spans that are free
        Assert.InRange(Sum(held) / held.Measured, 0.75, 1.001);
    }

    [Fact]
    public void FromOutsideItIsTheSame()
    {
        string folder = Repository.NewFolder("held");
        string own = Path.Combine(folder, "own.pb.gz");
        string others = Path.Combine(folder, "others.pb.gz");
        using RunningProgram program = TestProgram.Run("pinners", "1", "wait").Preloaded()
            .With("NATIVEMALLOC_SAMPLE", "4K").With("NATIVEMALLOC_PROFILE", own).Start().Ready();
        string number = program.Number.ToString(CultureInfo.InvariantCulture);
        new Command(Installation.Program, "profile", number, "--output", others).Run().Succeeded();
        string table = new Command(Installation.Program, "profile", number, "--value", "held").Run().Succeeded().Output;
        Assert.Equal(0, program.End());
        Assert.All(s_sites, site => Assert.Equal(new PprofFile(own).Of(site, "held_space"), new PprofFile(others).Of(site, "held_space"), 1.0));
        Assert.Equal(MeasuredBy(new PprofFile(own)), MeasuredBy(new PprofFile(others)));
        Assert.True(MeasuredBy(new PprofFile(own)) > 20e6);
        Assert.Matches(@"held\b[^\n]*\nheld_space of all blocks[^\n]*\n[^\n]*\n[^\n]*% +beads\n", table);
    }

    private static double Sum(Profiled held) => held.File.Of("main", "held_space");

    private static Profiled Run(string distance, params string[] arguments)
    {
        string path = Path.Combine(Repository.NewFolder("held"), "p.pb.gz");
        JsonElement statistics = Statistics.Of(
            TestProgram.Run("pinners", arguments).With("NATIVEMALLOC_SAMPLE", distance).With("NATIVEMALLOC_PROFILE", path), out Outcome outcome);
        Dictionary<string, double> truth = Regex.Matches(outcome.Output, @"site (\w+) (\d+)").ToDictionary(
            match => match.Groups[1].Value, match => double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
        PprofFile file = new(path);
        return new Profiled(file, truth, MeasuredBy(file), statistics.Number("bytes", "central") + statistics.Number("bytes", "page_heap_free"));
    }

    private static long MeasuredBy(PprofFile file)
    {
        Match measured = Regex.Match(string.Join('\n', file.Comments), @"held_space of all blocks, as measured: (\d+) bytes in spans, and (\d+) beside them");
        return long.Parse(measured.Groups[1].Value) + long.Parse(measured.Groups[2].Value);
    }

    /// <summary>A profile; what each site holds; what all blocks do, by the profile's comment; and what is free, by the statistics.</summary>
    private sealed record Profiled(PprofFile File, Dictionary<string, double> Truth, double Measured, double Free);
}

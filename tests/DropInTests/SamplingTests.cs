using System.Globalization;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// The sampler: whether its estimates are right (tests/programs/sites.c knows the truth; tests/truth.sh has many more runs), and whether sampled
/// blocks are ordinary in everything: what else is tested here runs again with many of its blocks, or all, samples.
/// </summary>
public sealed class SamplingTests
{
    // A row of tests/programs/sites.c's output.
    private sealed record Value(string Place, string Kind, double Truth, double Estimate, double Errors, double Most);

    public static TheoryData<string, string> Modes => new()
    {
        { "NATIVEMALLOC_INDEX", "mm_cid" }, { "NATIVEMALLOC_INDEX", "cpu_id" }, { "NATIVEMALLOC_INDEX", "thread" }, { "NATIVEMALLOC_CHECK", "1" },
    };

    [Theory]
    [MemberData(nameof(Modes))]
    public void WithTheMeanOneAllIsKnownExactly(string variable, string value) =>
        Assert.All(Sites("1", "3", "1", variable, value), row => Assert.Equal(row.Truth, row.Estimate));

    [Theory]
    [InlineData(64 << 10)]
    [InlineData(512 << 10)]
    [InlineData(2 << 20)]
    public void EstimatesAreAsFarFromTheTruthAsTheySay(int mean)
    {
        Value[] all = [.. Enumerable.Range(0, 4).SelectMany(_ => Sites(mean.ToString(CultureInfo.InvariantCulture), "3", "48", "NATIVEMALLOC_INDEX", ""))];
        Assert.All(all, row => Assert.InRange(row.Estimate - row.Truth, -row.Most, row.Most));
        Value[] sampled = [.. all.Where(row => Math.Abs(row.Errors) * row.Most < 12 * Math.Abs(row.Estimate - row.Truth))]; // others rest on a few blocks, or are exact
        Assert.InRange(sampled.Length, 60, all.Length);
        Assert.InRange(sampled.Average(row => row.Errors), -0.8, 0.8); // places and runs are independent, the two values of a place are not
        Assert.InRange(Math.Sqrt(sampled.Average(row => row.Errors * row.Errors)), 0.5, 1.6);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void EveryThreadTakesPartWithinOneCountdown(string variable, string value) =>
        new Command(TestProgram.Path("turned_on", "", "-I" + Repository.Header, Repository.Library)).Preloaded().With(variable, value).Run().Succeeded();

    // Also where the sampler is off: then there are none.
    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    [InlineData("65536")]
    public void WhatFailsDoesNotCount(string mean) =>
        new Command(TestProgram.Path("failing", "", "-I" + Repository.Header, Repository.Library), mean)
            .Preloaded().With("NATIVEMALLOC_SAMPLE", mean).With("NATIVEMALLOC_LIMIT", "64M").Run().Succeeded();

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void ChildrenOfOneForkTakeSamplesOfTheirOwn(string index) =>
        new Command(TestProgram.Path("siblings", "", "-I" + Repository.Header, Repository.Library, "-lm"))
            .Preloaded().With("NATIVEMALLOC_SAMPLE", "64K").With("NATIVEMALLOC_INDEX", index).Run().Succeeded();

    public static TheoryData<string, string[]> Programs => new()
    {
        { "interface", [] }, { "alignment", [] }, { "large", [] }, { "lives", ["100"] }, { "forks", ["3", "2"] }, { "vforks", ["30"] },
        { "threads", ["4", "5000", "100"] }, { "signals", ["any", "1"] }, { "signals", ["sized", "1"] }, { "remnants", [] }, { "soak", ["1", "6"] },
        { "fuzz", [.. Directory.GetFiles(Path.Combine(Repository.Root, "tests", "fuzz", "corpus"))] },
    };

    [Theory]
    [MemberData(nameof(Programs))]
    public void ProgramsRunAsEverWithManySamples(string program, string[] arguments)
    {
        foreach ((string mean, string variable, string value) in ((string, string, string)[])
            [("1", "NATIVEMALLOC_INDEX", "mm_cid"), ("4K", "NATIVEMALLOC_INDEX", "thread"), ("1", "NATIVEMALLOC_CHECK", "1")])
        {
            Outcome outcome = TestProgram.Run(program, arguments).Preloaded().With("NATIVEMALLOC_SAMPLE", mean).With(variable, value).Run().Succeeded();
            Assert.DoesNotContain("nativemalloc: ", outcome.Error);
        }
    }

    [Theory]
    [InlineData("1", "p.pb.gz,leaks")]
    [InlineData("4K", "p.heap,leaks")]
    [InlineData("512K", "p.folded,leaks")]
    public void HowTheProgramReckonsIsItsOwnAffair(string mean, string profile)
    {
        string folder = Repository.NewFolder("reckoning");
        new Command(TestProgram.Path("reckoning", "", "-I" + Repository.Header)).Preloaded().With("NATIVEMALLOC_SAMPLE", mean)
            .With("NATIVEMALLOC_PROFILE", Path.Combine(folder, profile)).Run().Succeeded();
        Assert.Equal(2, Directory.GetFiles(folder).Length);
    }

    // Memory is short: what the sampler needs itself counts.
    [Theory]
    [InlineData("1", "30000")]
    [InlineData("4K", "1000")]
    public void LimitsHold(string mean, string size) =>
        TestProgram.Run("limited", "hard", size).Preloaded().With("NATIVEMALLOC_LIMIT", "64M").With("NATIVEMALLOC_SAMPLE", mean).Run().Succeeded();

    [Theory]
    [InlineData("1")]
    [InlineData("4K")]
    public void StatisticsAreTheKernelsAccountStill(string mean) =>
        new Command(TestProgram.Path("accounted", "", "-I" + Repository.Header, Repository.StaticLibrary)).With("NATIVEMALLOC_SAMPLE", mean).Run().Succeeded();

    [Fact]
    public void NoFunctionTakesMuchMoreStackForASample()
    {
        string output = new Command(TestProgram.Path("stacks", ".now", "-Wl,-z,now")).Preloaded().With("NATIVEMALLOC_SAMPLE", "1").Run().Succeeded().Output;
        Assert.All(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.InRange(int.Parse(line.Split(' ')[1]), 1, 4096));
    }

    private static IEnumerable<Value> Sites(string mean, string threads, string mebibytes, string variable, string value)
    {
        string program = TestProgram.Path("sites", "", "-I" + Repository.Header, "-lm");
        Value[] rows = [.. new Command(program, mean, threads, mebibytes).Preloaded().With(variable, value).Run().Succeeded().Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .Select(words => new Value(words[0], words[1], Number(words[2]), Number(words[3]), Number(words[4]), Number(words[5])))];
        Assert.Equal(22, rows.Length);
        Assert.All(rows, row => Assert.True(row.Truth > 0 || row.Kind == "live" || row.Estimate == 0));
        return rows;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}

using System.Globalization;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Pages that lie free between objects: they go back to the kernel, and read zero when they are used again.</summary>
public sealed class HollowTests
{
    // Of 100 MiB, of which ten stay. Before, they were 50, 18 and 10.
    [Theory]
    [InlineData("mm_cid", "1000", "8000", 2.2)]
    [InlineData("thread", "1000", "8000", 2.2)]
    [InlineData("mm_cid", "8000", "60000", 1.25)]
    [InlineData("cpu_id", "8000", "60000", 1.25)]
    [InlineData("mm_cid", "60000", "250000", 1.15)]
    public void WhatLittleStaysHoldsLittleMore(string index, string from, string to, double most)
    {
        Dictionary<string, double> memory = Run(TestProgram.Run("hollow", "lot", from, to, "100").With("NATIVEMALLOC_INDEX", index));
        Assert.InRange(memory["resident"], memory["live"], memory["live"] * most);
    }

    // Though no time has passed.
    [Fact]
    public void AllThatIsFreeGoesBackWhenItIsAskedFor()
    {
        Dictionary<string, double> memory = Run(TestProgram.Run("hollow", "lot", "8000", "60000", "100").With("NATIVEMALLOC_RELEASE_DELAY", "86400000"));
        Assert.InRange(memory["trimmed"], memory["live"], memory["live"] * 1.25);
        Assert.True(memory["resident"] > memory["trimmed"] * 1.3);
    }

    [Theory]
    [InlineData("mm_cid", "0")]
    [InlineData("mm_cid", "1")]
    [InlineData("cpu_id", "1")]
    [InlineData("thread", "0")]
    [InlineData("thread", "1")]
    [InlineData("thread", "250")]
    public void NothingIsLostWhereMemoryGoesAndComesAgain(string index, string delay) =>
        Again().With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_RELEASE_DELAY", delay).Run().Succeeded();

    [Theory]
    [InlineData("NATIVEMALLOC_RELEASE_THREAD", "1")]
    [InlineData("NATIVEMALLOC_CHECK", "1")]
    [InlineData("NATIVEMALLOC_SOFT_LIMIT", "8M")]
    [InlineData("NATIVEMALLOC_HUGE_PAGES", "always")]
    public void NothingIsLostWithOptions(string name, string value) =>
        Again().With("NATIVEMALLOC_RELEASE_DELAY", "1").With(name, value).Run().Succeeded();

    // As memory that is locked (EINVAL), and as an emulator that takes the advice and does not heed it.
    [Theory]
    [InlineData("22")]
    [InlineData("0")]
    public void NothingIsLostWhereTheKernelTakesNothing(string error) =>
        new Command(TestProgram.Path("filtered"), "madvise", error, TestProgram.Path("hollow"), "again", "1").Preloaded()
            .With("NATIVEMALLOC_RELEASE_DELAY", "1").Run().Succeeded();

    private static Command Again() => TestProgram.Run("hollow", "again", "1").Preloaded();

    private static Dictionary<string, double> Run(Command command) =>
        command.Preloaded().Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ')).ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture));
}

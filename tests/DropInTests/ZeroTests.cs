using System.Globalization;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>calloc: what it gives reads zero, and what a program hardly touches of it takes hardly any memory.</summary>
public sealed class ZeroTests
{
    private const string Blocks = "3000";

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void AllThatItGivesReadsZero(string index) =>
        TestProgram.Run("zeros", "random", Blocks).Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();

    // All that is free goes back at once, so that blocks are of pages that hold something and pages that do not.
    [Fact]
    public void PagesOfBothKindsReadZero() =>
        TestProgram.Run("zeros", "random", Blocks).Preloaded().With("NATIVEMALLOC_SOFT_LIMIT", "1").Run().Succeeded();

    // As under qemu-user before 7.1: madvise says that it has done it. And where it says that it has not.
    [Theory]
    [InlineData("0", true)]
    [InlineData("12", false)]
    public void MemoryThatIsNotDroppedReadsZeroNevertheless(string error, bool isSaid)
    {
        Command command = new Command(TestProgram.Path("filtered"), "madvise", error, TestProgram.Path("zeros"), "random", Blocks).Preloaded();
        command.Run().Succeeded();
        string line = command.With("NATIVEMALLOC_VERBOSE", "1").Run().Succeeded().Error.Split('\n')[^2];
        Assert.Equal(isSaid, line.EndsWith("no memory goes back, since this kernel says that it takes some and does not"));
    }

    // Filled, each would take all of it, and a fault for each page.
    [Theory]
    [InlineData("24", "100")]
    [InlineData("64", "100")]
    [InlineData("512", "20")]
    public void BlockThatIsHardlyTouchedTakesHardlyAnyMemory(string mebibytes, string count)
    {
        string output = TestProgram.Run("zeros", "sparse", mebibytes, count).Preloaded().Run().Succeeded().Output;
        Dictionary<string, double> used = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture));
        Assert.InRange(used["resident"], 0, 4);
        Assert.InRange(used["faults"], 0, 12);
    }
}

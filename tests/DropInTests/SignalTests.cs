using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Signal handlers that allocate, and stacks that are small.</summary>
public sealed class SignalTests
{
    // Symbols are bound at the start: the stack that the loader takes for that is not ours.
    private const string BindNow = "-Wl,-z,now";

    public static TheoryData<string> Modes => ["mm_cid", "cpu_id", "thread"];

    // Of all sizes they meet locks that their own thread holds, and glibc's malloc waits for ever: exit code 3.
    [Theory]
    [InlineData("pairs", "mm_cid")]
    [InlineData("pairs", "cpu_id")]
    [InlineData("pairs", "thread")]
    [InlineData("large", "mm_cid")]
    [InlineData("large", "thread")]
    [InlineData("any", "mm_cid")]
    [InlineData("any", "cpu_id")]
    [InlineData("any", "thread")]
    [InlineData("sized", "mm_cid")]
    [InlineData("sized", "thread")]
    public void HandlersMayAllocateAnywhere(string sizes, string index) =>
        TestProgram.Run("signals", sizes, "2").Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();

    [Fact]
    public void HandlersMayAllocateInCheckingMode() =>
        TestProgram.Run("signals", "any", "2").Preloaded().With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();

    [Theory]
    [MemberData(nameof(Modes))]
    public void HandlersRunOnTheSmallestStacks(string index) =>
        new Command(TestProgram.Path("signals", ".now", BindNow), "altstack").Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();

    [Theory]
    [MemberData(nameof(Modes))]
    public void NoFunctionTakesMoreThanTwoKibibytesOfStack(string index)
    {
        string output = new Command(TestProgram.Path("stacks", ".now", BindNow)).Preloaded().With("NATIVEMALLOC_INDEX", index)
            .Run().Succeeded().Output;
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(11, lines.Length);
        Assert.All(lines, line => Assert.InRange(int.Parse(line.Split(' ')[1]), 1, 2048));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void TwoThousandThreadsMayLiveAtOnce(string index) =>
        TestProgram.Run("crowd", "2000").Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
}

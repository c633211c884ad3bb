using System.Text.Json;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Threads, forks and vforks, in each mode.</summary>
public sealed class ProcessLifeTests
{
    public static TheoryData<string> Modes => ["mm_cid", "cpu_id", "thread"];

    [Theory]
    [MemberData(nameof(Modes))]
    public void EveryFunctionDoesWhatItsManualSays(string index)
    {
        TestProgram.Run("interface", "glibc").Run().Succeeded();
        TestProgram.Run("interface").Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void ForkedChildrenOfAThreadedProgramWork(string index) => Works(index, "forks", "40", "1");

    [Theory]
    [MemberData(nameof(Modes))]
    public void ThreadsMayForkAtOnce(string index) => Works(index, "forks", "20", "4");

    [Theory]
    [MemberData(nameof(Modes))]
    public void ThreadsMayAllocateWhileTheLoaderWaitsForThem(string index) =>
        Works(index, "loading", TestProgram.Library("loaded"));

    [Theory]
    [MemberData(nameof(Modes))]
    public void VforkedChildrenLeaveTheParentWhole(string index) => Works(index, "vforks", "300");

    [Theory]
    [MemberData(nameof(Modes))]
    public void HandlersMayAllocateBetweenAnyTwoStepsOfVfork(string index) => Works(index, "vforksteps", "20");

    // Else a handler had attached the thread once more.
    [Fact]
    public void ThreadThatAHandlerInterruptsInVforkHasOneSlab() =>
        Assert.Equal(1, Statistics.Of(TestProgram.Run("vforksteps", "20").With("NATIVEMALLOC_INDEX", "thread")).Number("slabs_made"));

    [Theory]
    [MemberData(nameof(Modes))]
    public void ThreadsComeAndGo(string index) => Works(index, "lives", "3000");

    [Theory]
    [MemberData(nameof(Modes))]
    public void EverythingAtOnce(string index) => Works(index, "soak", "8");

    [Theory]
    [MemberData(nameof(Modes))]
    public void LargeBlocksKeepTheirContents(string index) => Works(index, "large");

    [Fact]
    public void HolesBetweenAlignedBlocksAreUsedAgain() => Works("", "alignment");

    [Fact]
    public void ThreadsReuseTheSlabsOfThoseThatEnded()
    {
        JsonElement statistics = Statistics.Of(TestProgram.Run("lives", "2000").With("NATIVEMALLOC_INDEX", "thread"));
        Assert.InRange(statistics.Number("slabs_made"), 2, 42);
    }

    private static void Works(string index, string program, params string[] arguments) =>
        TestProgram.Run(program, arguments).Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
}

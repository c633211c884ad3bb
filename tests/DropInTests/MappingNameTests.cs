using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What /proc/PID/smaps calls the library's mappings: by tests/programs/names.c, for which no kernel need have names.</summary>
public sealed class MappingNameTests
{
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void AllThatIsMappedHasOneWhereTheyAreAskedFor(string index)
    {
        Outcome outcome = Named("taken").With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
        Assert.EndsWith(" pages have names\n", outcome.Output);
        Assert.Equal("", outcome.Error);
    }

    // By default there is no such call, ever, for which a sandbox may kill.
    [Fact]
    public void NobodyIsGivenOneElse()
    {
        TestProgram.Run("names", "kill").Preloaded().Run().Succeeded();
        Assert.Equal(128 + 31, Named("kill").Run().ExitCode); // SIGSYS: else this would show nothing
    }

    // This one may have them or not.
    [Fact]
    public void TheKernelTakesThemOrNot() =>
        Assert.Matches("^(this kernel has no names|[0-9]+, [0-9]+ and [0-9]+ mappings have the names)\n$", Named("kernel").Run().Succeeded().Output);

    private static Command Named(string mode) => TestProgram.Run("names", mode).Preloaded().With("NATIVEMALLOC_NAMES", "1");
}

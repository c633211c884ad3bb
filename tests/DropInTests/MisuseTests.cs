using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What is not a block ends in one line and SIGABRT.</summary>
public sealed class MisuseTests
{
    [Theory]
    [InlineData("foreign", "was not allocated here, was freed already, or points into a block")]
    [InlineData("stack", "was not allocated here, was freed already, or points into a block")]
    [InlineData("wild", "was not allocated here, was freed already, or points into a block")]
    [InlineData("interior-large", "was not allocated here, was freed already, or points into a block")]
    [InlineData("double-large", "was not allocated here, was freed already, or points into a block")]
    [InlineData("double-small", "is not a block in use: it was freed twice, or points into a block")]
    public void IsReported(string misuse, string message)
    {
        Outcome outcome = TestProgram.Run("misuse", misuse).Preloaded().Run();
        Assert.True(outcome.Aborted, $"exit code {outcome.ExitCode}: {outcome.Output}{outcome.Error}");
        Assert.Matches($@"^nativemalloc: free\(0x[0-9a-f]+\): the address {message}\n$", outcome.Error);
        Assert.Equal("", outcome.Output);
    }
}

using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The call stacks that samples are given.</summary>
public sealed class StackTests
{
    // At random stops of programs that know nothing of the library; the long form is the script's own default.
    [Fact]
    public void StacksAreThoseThatGdbShows()
    {
        string script = Path.Combine(Repository.Root, "tests", "stacks.sh");
        string output = new Command(script, "25", "python3", "git", "threads", "signals").Run().Succeeded().Output;
        Assert.Equal(4, output.Split('\n').Count(line => line.Contains(": same 25 of 25,") || line.Contains(": same 24 of 25,")));
    }
}

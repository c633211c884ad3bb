using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>nallocx and sdallocx, jemalloc's names, where what they are given may be of another heap.</summary>
public sealed class BesideTests
{
    private const string Held = "each heap has its own\n";

    private static string SecondHeap => TestProgram.Library("second_heap");

    // As BIND, which allocates by libjemalloc's mallocx and frees by what comes first under the name sdallocx.
    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    public void WhoIsLinkedWithJemallocKeepsIt(string checking)
    {
        string program = TestProgram.Path("beside", ".linked", "-DLINKED", SecondHeap, "-Wl,-rpath," + Path.GetDirectoryName(SecondHeap));
        Assert.Equal(Held, new Command(program).Preloaded().With("NATIVEMALLOC_CHECK", checking).Run().Succeeded().Output);
    }

    [Fact]
    public void WhoLoadsJemallocKeepsIt() => Assert.Equal(Held, TestProgram.Run("beside", SecondHeap).Preloaded().Run().Succeeded().Output);

    [Fact]
    public void BlocksOfTheProgramsOwnMallocGoToItsFree()
    {
        string program = TestProgram.Path("beside", ".own", "-DOWN", "-rdynamic");
        Assert.Equal(Held, new Command(program).Preloaded().Run().Succeeded().Output);
    }
}

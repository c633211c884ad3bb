using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>libnativemalloc.a in an executable of each kind.</summary>
public sealed class StaticLinkTests
{
    [Theory]
    [InlineData("-pie", "glibc")]
    [InlineData("-no-pie", "glibc")]
    [InlineData("-static", "glibc")]
    [InlineData("-static-pie", "glibc")]
    public void ProgramRunsOnIt(string kind, string rseq)
    {
        string folder = Repository.NewFolder("link");
        string program = Path.Combine(folder, "program");
        string source = Path.Combine(Repository.Programs, "threads.c");
        new Command("gcc", "-O1", "-fno-builtin", "-fPIE", "-pthread", kind, source, Repository.StaticLibrary, "-o", program).Run().Succeeded();
        new Command(program, "3", "100000").With("NATIVEMALLOC_STATS", $"json:{folder}/it.json").Run().Succeeded();
        Assert.True(Statistics.Read(Path.Combine(folder, "it.json")).GetProperty("active").GetBoolean());
        Assert.Equal("per-cpu", Statistics.Read(Path.Combine(folder, "it.json")).Text("front_end"));
        Assert.Equal(rseq, Statistics.Read(Path.Combine(folder, "it.json")).Text("rseq"));
    }
}

using System.Text.Json;
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
        JsonElement linked = Run(program, folder, "", "3", "100000");
        Assert.True(linked.GetProperty("active").GetBoolean());
        Assert.Equal("per-cpu", linked.Text("front_end"));
        Assert.Equal(rseq, linked.Text("rseq"));

        // As in a program that has it preloaded: a fully static one must not lack what nothing else in it calls.
        Assert.Equal(Statistics.Of(TestProgram.Run("threads", "1", "1")).Text("index"), linked.Text("index"));
        JsonElement perThread = Run(program, folder, "thread", "10", "1000");
        Assert.Equal("thread", perThread.Text("index"));
        Assert.Equal((1, 11), (perThread.Number("slabs"), perThread.Number("slabs_made")));
    }

    // What libc.a has of these comes in by strong references alone.
    [Theory]
    [InlineData("getauxval")]
    [InlineData("pthread_atfork")]
    [InlineData("pthread_key_create")]
    [InlineData("pthread_setspecific")]
    [InlineData("abort")]
    [InlineData("fwrite")]
    [InlineData("__errno_location")]
    public void StaticLibraryTakesWhatItNeedsOutOfLibc(string name) =>
        Assert.Contains($" U {name}\n", new Command("nm", Repository.StaticLibrary).Run().Succeeded().Output);

    [Theory]
    [InlineData("forks", "4", "2")]
    [InlineData("lives", "200")]
    [InlineData("vforks", "20")]
    public void FullyStaticProgramForksAndEndsThreads(string name, params string[] arguments)
    {
        string folder = Repository.NewFolder("link");
        string program = Path.Combine(folder, name);
        string source = Path.Combine(Repository.Programs, name + ".c");
        new Command("gcc", "-O1", "-fno-builtin", "-pthread", "-static", source, Repository.StaticLibrary, "-o", program).Run().Succeeded();
        Assert.True(Run(program, folder, "", arguments).GetProperty("active").GetBoolean());
    }

    private static JsonElement Run(string program, string folder, string index, params string[] arguments)
    {
        string file = Path.Combine(folder, "it.json");
        new Command(program, arguments).With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_STATS", "json:" + file).Run().Succeeded();
        return Statistics.Read(file);
    }
}

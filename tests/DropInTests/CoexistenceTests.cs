using System.Text.Json;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The situations of docs/coexistence.md, each made for real, as far as one glibc and one kernel can make it.</summary>
public sealed class CoexistenceTests
{
    private const string NoGlibcRseq = "glibc.pthread.rseq=0";
    private const string NoSuchCall = "38";
    private const string NotPermitted = "1";
    private const string Busy = "16";
    private const string Invalid = "22";

    public static TheoryData<string, string> Adopters
    {
        get
        {
            TheoryData<string, string> all = [];
            foreach (string protocol in (string[])["CPU_ID_ONLY", "REFCOUNT", "HANDLED"])
            {
                foreach (string moment in (string[])["before", "after", "midway"])
                {
                    all.Add(protocol, moment);
                }
            }

            return all;
        }
    }

    [Theory]
    [InlineData("", "cpu_id")]
    [InlineData("cpu_id", "cpu_id")]
    [InlineData("mm_cid", "mm_cid")]
    public void RegistersWhereNobodyHas(string asked, string index)
    {
        JsonElement statistics = Statistics.Of(
            TestProgram.Run("threads", "4", "300000").With("GLIBC_TUNABLES", NoGlibcRseq).With("NATIVEMALLOC_INDEX", asked));
        Assert.Equal("per-cpu", statistics.Text("front_end"));
        Assert.Equal("own", statistics.Text("rseq"));
        Assert.Equal("nobody else had registered it", statistics.Text("rseq_reason"));
        Assert.Equal(index, statistics.Text("index"));
    }

    [Theory]
    [InlineData("forks", "6", "2")]
    [InlineData("vforks", "200")]
    [InlineData("lives", "2000")]
    [InlineData("soak", "5")]
    [InlineData("interface")]
    public void ProgramsRunOnItsOwnRegistration(string program, params string[] arguments)
    {
        foreach (string index in (string[])["cpu_id", "mm_cid", "thread"])
        {
            TestProgram.Run(program, arguments).Preloaded()
                .With("GLIBC_TUNABLES", NoGlibcRseq).With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
        }
    }

    [Fact]
    public void ThreadsThatEndAreUnregistered()
    {
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        new Command("strace", "-f", "-e", "trace=rseq", "-o", trace, "-E", "GLIBC_TUNABLES=" + NoGlibcRseq,
            "-E", "LD_PRELOAD=" + Repository.Library, TestProgram.Path("threads"), "4", "1000").Run().Succeeded();
        string[] calls = File.ReadAllLines(trace).Where(line => line.Contains("rseq(")).ToArray();
        Assert.DoesNotContain(calls, line => line.Contains("= -1"));
        Assert.Equal(5, calls.Count(line => line.Contains(", 0x20, 0, 0x53053053")));
        Assert.Equal(4, calls.Count(line => line.Contains(", 0x20, 0x1, 0x53053053")));
    }

    [Theory]
    [MemberData(nameof(Adopters))]
    public void SharesWithAnExecutableThatAdopted(string protocol, string moment) =>
        AssertShared(new Command(Adopter(protocol, "program", "-rdynamic"), moment, "6"));

    [Theory]
    [MemberData(nameof(Adopters))]
    public void SharesWithALibraryThatAdopted(string protocol, string moment)
    {
        string library = Adopter(protocol, "library", "-DLIBRARY", "-shared", "-fPIC");
        string program = TestProgram.Path("adopting", protocol, "-DLINKED", library, "-Wl,-rpath," + Path.GetDirectoryName(library));
        AssertShared(new Command(program, moment, "6"));
    }

    [Theory]
    [MemberData(nameof(Adopters))]
    public void SharesWithALibraryThatIsLoadedLater(string protocol, string moment)
    {
        string library = Adopter(protocol, "library", "-DLIBRARY", "-shared", "-fPIC");
        AssertShared(TestProgram.Run("adopting", library, moment, "6"));
    }

    [Fact]
    public void AnAdopterWithAnAreaOfItsOwnLives()
    {
        JsonElement statistics = Statistics.Of(
            new Command(Adopter("PRIVATE", "program"), "before", "6").With("GLIBC_TUNABLES", NoGlibcRseq));
        Assert.Equal("per-thread", statistics.Text("front_end"));
        Assert.Equal("unavailable", statistics.Text("rseq"));
        Assert.Equal("another library has registered an area of its own", statistics.Text("rseq_reason"));
    }

    // The area that users of Linux 6.3's longer one share: what ends the registration must name its length.
    [Theory]
    [InlineData("before")]
    [InlineData("after")]
    [InlineData("midway")]
    public void SharesALongerArea(string moment)
    {
        string program = TestProgram.Path("adopter", "REFCOUNT.64", "-rdynamic", "-DPROTOCOL=REFCOUNT", "-DBYTES=64");
        AssertShared(new Command(program, moment, "6"));
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        new Command("strace", "-ff", "-e", "trace=rseq", "-o", trace, "-E", "GLIBC_TUNABLES=" + NoGlibcRseq,
            "-E", "LD_PRELOAD=" + Repository.Library, program, moment, "6").Run().Succeeded();
        string[] lines = [.. Directory.GetFiles(Path.GetDirectoryName(trace)!, "trace.*").SelectMany(File.ReadAllLines)];
        int registered = lines.Count(line => line.Contains(", 0, 0x53053053) = 0"));
        int unregistered = lines.Count(line => line.Contains(", 0x1, 0x53053053) = 0"));
        Assert.Equal(registered - 1, unregistered); // the main thread ends with the process
    }

    // The first of its threads registers before it allocates, the others after it: none of them may be refused.
    [Fact]
    public void AnAdopterWithAnAreaOfItsOwnOnLaterThreadsLives()
    {
        JsonElement statistics = Statistics.Of(TestProgram.Run("latecomer", "6").With("GLIBC_TUNABLES", NoGlibcRseq));
        Assert.Equal("per-cpu", statistics.Text("front_end"));
        Assert.Equal("own", statistics.Text("rseq"));
    }

    [Fact]
    public void AnAreaThatDeniesItsRegistrationIsLeftAlone()
    {
        string program = TestProgram.Path("busy", "", "-rdynamic");
        JsonElement statistics = Statistics.Of(new Command(program).With("GLIBC_TUNABLES", NoGlibcRseq));
        Assert.Equal("per-thread", statistics.Text("front_end"));
        Assert.Equal("unavailable", statistics.Text("rseq"));
        Assert.Equal("the kernel refused the registration", statistics.Text("rseq_reason"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(NoGlibcRseq)]
    public void ChildrenBySpawnSystemAndPopenLeaveTheHeapAlone(string tunables) =>
        TestProgram.Run("spawns", "10").Preloaded().With("GLIBC_TUNABLES", tunables).Run().Succeeded();

    [Theory]
    [InlineData("CPU_ID_ONLY")]
    [InlineData("REFCOUNT")]
    [InlineData("PRIVATE")]
    public void WhereGlibcRegisteredAdoptersFareAsWithoutUs(string protocol)
    {
        string program = Adopter(protocol, "program", "-rdynamic");
        Outcome alone = new Command(program, "after", "2").Run();
        Outcome preloaded = new Command(program, "after", "2").Preloaded().Run();
        Assert.Equal((alone.ExitCode, alone.Error), (preloaded.ExitCode, preloaded.Error));
        Assert.True(alone.Aborted);
    }

    [Theory]
    [InlineData(NoSuchCall, "the kernel does not offer it")]
    [InlineData(NotPermitted, "the kernel refused the registration")]
    [InlineData(Busy, "the kernel refused the registration")]
    [InlineData(Invalid, "another library has registered an area of its own")]
    public void RefusedRseqIsTriedOnce(string error, string reason)
    {
        string filter = TestProgram.Path("filtered");
        JsonElement statistics = Statistics.Of(new Command(filter, "rseq", error, TestProgram.Path("threads"), "4", "100000"));
        Assert.Equal("per-thread", statistics.Text("front_end"));
        Assert.Equal("unavailable", statistics.Text("rseq"));
        Assert.Equal(reason, statistics.Text("rseq_reason"));

        // glibc's attempts, one for each thread, and one of ours.
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        new Command("strace", "-f", "-e", "trace=rseq", "-o", trace, "-E", "LD_PRELOAD=" + Repository.Library,
            filter, "rseq", error, TestProgram.Path("lives"), "100").Run().Succeeded();
        int refused = File.ReadAllLines(trace).Count(line => line.Contains("rseq(") && line.Contains("= -1"));
        new Command("strace", "-f", "-e", "trace=rseq", "-o", trace, filter, "rseq", error, TestProgram.Path("lives"), "100").Run().Succeeded();
        Assert.Equal(File.ReadAllLines(trace).Count(line => line.Contains("rseq(") && line.Contains("= -1")) + 1, refused);
    }

    [Fact]
    public void RefusedMembarrierCostsTheDrainingOnly()
    {
        JsonElement statistics = Statistics.Of(
            new Command(TestProgram.Path("filtered"), "membarrier", NotPermitted, TestProgram.Path("soak"), "3"));
        Assert.Equal("per-cpu", statistics.Text("front_end"));
    }

    [Theory]
    [InlineData("mm_cid", "")]
    [InlineData("thread", "")]
    [InlineData("cpu_id", NoGlibcRseq)]
    public void AllocationMakesOnlyTheSystemCallsOfGlibcsMalloc(string index, string tunables)
    {
        foreach (string mode in (string[])["kill", "short"])
        {
            Assert.Equal("done\n", TestProgram.Run("filtered", mode).Run().Succeeded().Output);
            Assert.Equal("done\n", TestProgram.Run("filtered", mode).Preloaded()
                .With("NATIVEMALLOC_INDEX", index).With("GLIBC_TUNABLES", tunables).Run().Succeeded().Output);
        }
    }

    private static void AssertShared(Command command)
    {
        JsonElement statistics = Statistics.Of(command.With("GLIBC_TUNABLES", NoGlibcRseq), out Outcome outcome);
        Assert.Equal("", outcome.Error);
        Assert.Equal("per-cpu", statistics.Text("front_end"));
        Assert.Contains(statistics.Text("rseq"), (string[])["own", "shared"]);
        Assert.Equal("cpu_id", statistics.Text("index"));
    }

    private static string Adopter(string protocol, string kind, params string[] flags) =>
        TestProgram.Path("adopter", protocol + "." + kind, [$"-DPROTOCOL={protocol}", .. flags]);
}

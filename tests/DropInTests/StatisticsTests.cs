using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>NATIVEMALLOC_STATS, NATIVEMALLOC_VERBOSE, and options that are wrong.</summary>
public sealed class StatisticsTests
{
    [Fact]
    public void VerboseSaysInOneLineHowTheLibraryWorks()
    {
        Outcome outcome = new Command("true").Preloaded().With("NATIVEMALLOC_VERBOSE", "1").Run().Succeeded();
        Assert.Matches(@"^nativemalloc \d+\.\d+\.\d+ \(pid \d+\): front end per-cpu, rseq glibc, index (mm_cid|cpu_id)\n$", outcome.Error);
        Assert.Equal("", outcome.Output);
    }

    [Fact]
    public void IsSilentWithoutBeingAsked() =>
        Assert.Equal("", new Command("true").Preloaded().Run().Succeeded().Error);

    [Fact]
    public void ReportListsTiersAndClasses()
    {
        string report = TestProgram.Run("threads", "2", "1000").Preloaded().With("NATIVEMALLOC_STATS", "1").Run().Succeeded().Error;
        foreach (string part in (string[])["in use by the program", "cached in the front end", "cached for transfer", "free pages", "released to the kernel", "mapped in all", "slow paths"])
        {
            Assert.Contains(part, report);
        }

        Assert.Matches(@"(?m)^ +64 +\d+ +\d+ +\d+ +\d+ +\d+ +\d+ +\d+$", report);
    }

    // The coreutils close it before they end; shells may have a file of their own there.
    [Theory]
    [InlineData("cat /etc/hostname", true)]
    [InlineData("bash -c 'exec 2> data; echo DB >&2'", true)]
    [InlineData("bash -c 'exec 1000>&- 2> data; echo DB >&2'", false)]
    public void ReportGoesToTheFirstStandardErrorAndNowhereElse(string command, bool isThere)
    {
        string folder = Repository.NewFolder("closed");
        File.WriteAllText(Path.Combine(folder, "data"), "DB\n");
        string error = Command.Shell($"NATIVEMALLOC_STATS=1 LD_PRELOAD={Repository.Library} exec {command}").In(folder).Run().Succeeded().Error;
        Assert.Equal(isThere, error.Contains("in use by the program"));
        Assert.Equal("DB\n", File.ReadAllText(Path.Combine(folder, "data")));
    }

    [Fact]
    public void JsonAddsUp()
    {
        JsonElement statistics = Statistics.Of(TestProgram.Run("soak", "2", "2"));
        Assert.True(statistics.GetProperty("active").GetBoolean());
        JsonElement bytes = statistics.GetProperty("bytes");
        string[] parts = ["in_use", "front_end", "transfer", "central", "span_tails", "page_heap_free", "released", "metadata"];
        Assert.Equal(bytes.Number("mapped"), parts.Sum(part => bytes.Number(part)));

        long small = statistics.GetProperty("classes").EnumerateArray().Sum(one => one.Number("live") * one.Number("size"));
        Assert.Equal(bytes.Number("in_use") - bytes.Number("in_use_large"), small);
        Assert.All(statistics.GetProperty("classes").EnumerateArray(), one => Assert.True(one.Number("live") >= 0));
        Assert.True(bytes.Number("released") > 0);
    }

    [Fact]
    public void KernelSaysTheSame() =>
        new Command(TestProgram.Path("accounted", "", "-I" + Repository.Header, Repository.StaticLibrary)).Run().Succeeded();

    [Theory]
    [InlineData("mm_cid", "0")]
    [InlineData("cpu_id", "0")]
    [InlineData("thread", "0")]
    [InlineData("", "1")]
    public void TheyAddUpWhileOthersAllocate(string index, string check) =>
        new Command(TestProgram.Path("racing", "", "-I" + Repository.Header, Repository.StaticLibrary), "1")
            .With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_CHECK", check).Run().Succeeded();

    // Its sizes shift, so that spans are shed and objects of all classes lie in remnants.
    [Fact]
    public void ClassesStayConsistentWhereSpansAreShed()
    {
        JsonElement statistics = Statistics.Of(new Command(ReleaseTests.Program, "shifting"));
        Assert.True(statistics.GetProperty("remnants").Number("bytes") > 0);
        foreach (JsonElement one in statistics.GetProperty("classes").EnumerateArray().Where(one => one.Number("spans") == 0))
        {
            Assert.Equal((0, 0), (one.Number("live"), one.Number("central")));
        }
    }

    [Fact]
    public void LiveObjectsAreCountedExactly()
    {
        string folder = Repository.NewFolder("live");
        string source = Path.Combine(folder, "live.c");
        File.WriteAllText(source, "#include <stdlib.h>\nint main(void) { for (int i = 0; i < 1000; i++) { void *volatile p = malloc(20000); (void)p; } return 0; }\n");
        new Command("gcc", source, "-o", Path.Combine(folder, "live")).Run().Succeeded();
        JsonElement one = Statistics.Of(new Command(Path.Combine(folder, "live"))).GetProperty("classes").EnumerateArray()
            .Single(entry => entry.Number("size") == 20480);
        Assert.Equal(1000, one.Number("live"));
        Assert.True(one.Number("allocation_misses") > 0);
    }

    [Fact]
    public void MissesOfThreadsThatHaveEndedCount()
    {
        JsonElement one = Statistics.Of(TestProgram.Run("threads", "5", "1000").With("NATIVEMALLOC_INDEX", "thread")).GetProperty("classes").EnumerateArray()
            .Single(entry => entry.Number("size") == 64);
        Assert.InRange(one.Number("allocation_misses"), 5, 1000);
    }

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void TheCachesHaveRoomForTheLastSizeAsForTheFirst(string index)
    {
        Command phases = TestProgram.Run("phases").With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_RELEASE_DELAY", "50");
        JsonElement last = Statistics.Of(phases).GetProperty("classes").EnumerateArray().First(entry => entry.Number("size") >= 2050);
        Assert.InRange(last.Number("allocation_misses"), 1, 60_000 / 100);
    }

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void LargeObjectsThatNobodyUsesLeaveTheCachesThoughNoTimePasses(string index)
    {
        Command turned = TestProgram.Run("turned").With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_RELEASE_DELAY", "86400000");
        JsonElement large = Statistics.Of(turned).GetProperty("classes").EnumerateArray().First(entry => entry.Number("size") >= 128 << 10);
        Assert.InRange(large.Number("allocation_misses"), 1, 20 * 4 * 3 / 4); // else it never was in any cache; of a small heap one has room for two
        Assert.Equal((0, 0), (large.Number("front_end"), large.Number("transfer")));
    }

    // Its stubs have the addresses by which others know the functions.
    [Fact]
    public void ExecutableForAFixedPlaceThatTakesTheAddressOfMallocUsesOurs()
    {
        string program = Path.Combine(Repository.NewFolder("fixed"), "program");
        File.WriteAllText(program + ".c", "#include <stdlib.h>\nvoid *(*volatile f)(size_t) = malloc; void (*volatile g)(void *) = free;\nint main(void) { g(f(1)); return 0; }\n");
        new Command("gcc", "-fno-pic", "-no-pie", program + ".c", "-o", program).Run().Succeeded();
        Assert.Contains("front end per-cpu", new Command(program).Preloaded().With("NATIVEMALLOC_VERBOSE", "1").Run().Succeeded().Error);
    }

    [Fact]
    public void ProgramWithItsOwnMallocIsToldOf()
    {
        string folder = Repository.NewFolder("own");
        Outcome outcome = TestProgram.Run("own_malloc").Preloaded().With("NATIVEMALLOC_VERBOSE", "1")
            .With("NATIVEMALLOC_STATS", $"json:{folder}/own.json").Run().Succeeded();
        Assert.Matches(@"^nativemalloc .*not in use, this program brings its own malloc\n$", outcome.Error);
        Assert.False(Statistics.Read(Path.Combine(folder, "own.json")).GetProperty("active").GetBoolean());
    }

    [Fact]
    public void FileIsWrittenByTheProcessThatReadTheOptionUnlessNumbered()
    {
        // One forked child that goes through exit handlers, as shells' subshells do; the file must be the parent's.
        string folder = Repository.NewFolder("forked");
        string perl = "my $p = fork(); exit(0) if !$p; waitpid($p, 0); print $$;";
        string parent = new Command("perl", "-e", perl).Preloaded().With("NATIVEMALLOC_STATS", $"json:{folder}/one.json").Run().Succeeded().Output;
        Assert.Equal(parent, Statistics.Read(Path.Combine(folder, "one.json")).Number("pid").ToString());

        new Command("perl", "-e", perl).Preloaded().With("NATIVEMALLOC_STATS", $"json:{folder}/each.%p.json").Run().Succeeded();
        string[] files = Directory.GetFiles(folder, "each.*.json");
        Assert.Equal(2, files.Length);
        Assert.All(files, file => Assert.Contains($".{Statistics.Read(file).Number("pid")}.", file));
    }

    [Theory]
    [InlineData("NATIVEMALLOC_INDEX", "numa")]
    [InlineData("NATIVEMALLOC_STATS", "xml")]
    [InlineData("NATIVEMALLOC_STATS", "json:")]
    [InlineData("NATIVEMALLOC_VERBOSE", "loud")]
    [InlineData("NATIVEMALLOC_COLOUR", "blue")]
    public void WrongOptionsAreNamedInOneLine(string option, string value)
    {
        Outcome outcome = new Command("true").Preloaded().With(option, value).Run().Succeeded();
        Assert.StartsWith($"nativemalloc: {option}={value}: ignored; ", outcome.Error);
        Assert.Single(Regex.Matches(outcome.Error, "\n"));
    }

    [Fact]
    public void WrongOptionLeavesTheDefault()
    {
        string Introduction(Command command) =>
            command.Preloaded().With("NATIVEMALLOC_VERBOSE", "1").Run().Succeeded().Error.Split("): ")[^1];
        Assert.Equal(Introduction(new Command("true")), Introduction(new Command("true").With("NATIVEMALLOC_INDEX", "numa")));
    }

    // What it is told of is quoted, so that it stays one line.
    [Theory]
    [InlineData("numa", "numa")]
    [InlineData("two\nlines\u007f", "two?lines?")]
    public void WrongOptionIsToldOfInOneLine(string value, string quoted)
    {
        Outcome outcome = new Command("true").Preloaded().With("NATIVEMALLOC_INDEX", value).Run().Succeeded();
        Assert.StartsWith($"nativemalloc: NATIVEMALLOC_INDEX={quoted}: ignored; ", outcome.Error);
        Assert.Single(outcome.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void StatisticsThatCannotBeWrittenAreToldOf()
    {
        Outcome outcome = new Command("true").Preloaded().With("NATIVEMALLOC_STATS", "json:/nonexistent/folder/file").Run().Succeeded();
        Assert.Matches(@"^nativemalloc: .*could not be written to /nonexistent/folder/file.*\n$", outcome.Error);
    }

    [Fact]
    public void FileIsWrittenWhereItWasAskedForThoughTheEnvironmentIsOverwritten() =>
        Assert.True(Statistics.Of(TestProgram.Run("titled")).GetProperty("active").GetBoolean());

    [Fact]
    public void FileIsForItsOwnerAlone()
    {
        string file = Path.Combine(Repository.NewFolder("mode"), "file");
        Command.Shell($"umask 0; NATIVEMALLOC_STATS=json:{file} LD_PRELOAD={Repository.Library} /bin/true").Run().Succeeded();
        Assert.Equal("600\n", new Command("stat", "-c", "%a", file).Run().Succeeded().Output);
    }

    // Nor does it get a signal of the library's, or lose one of its own.
    [Theory]
    [InlineData("closed")]
    [InlineData("pending")]
    [InlineData("stopped")]
    public void AReportThatNobodyReadsEndsNoProgram(string mode) =>
        new Command(TestProgram.Path("unread"), mode).Preloaded().With("NATIVEMALLOC_STATS", "1").Run().Succeeded();

    [Fact]
    public void AReportWaitsForWhoReadsSlowly()
    {
        string output = new Command(TestProgram.Path("unread"), "slow").Preloaded().With("NATIVEMALLOC_STATS", "1").Run().Succeeded().Output;
        Assert.Equal(2, Regex.Count(output, "slow paths: .*\n")); // malloc_stats(), and the end
    }

    [Fact]
    public void NoLinkIsFollowed()
    {
        string folder = Repository.NewFolder("link");
        string target = Path.Combine(folder, "target");
        string link = Path.Combine(folder, "link");
        File.WriteAllText(target, "somebody else's");
        File.CreateSymbolicLink(link, target);
        Outcome outcome = new Command("true").Preloaded().With("NATIVEMALLOC_STATS", "json:" + link).Run().Succeeded();
        Assert.Equal(
            $"nativemalloc: NATIVEMALLOC_STATS: the statistics could not be written to {link}, errno 40: it is a symbolic link, or there are too many on the way to it\n",
            outcome.Error);
        Assert.Equal("somebody else's", File.ReadAllText(target));
    }

    [Theory]
    [InlineData(4095, ".*could not be written to .*, errno 36")]
    [InlineData(4096, "NATIVEMALLOC_STATS: the path has more than 4,095 bytes, no statistics will be written")]
    public void PathThatIsTooLongLeadsToNoOtherFile(int length, string line)
    {
        string folder = Repository.NewFolder("long");
        string path = (folder + "/").PadRight(length - 300, '/') + new string('a', 300); // a name has 255 at most
        Outcome outcome = new Command("true").Preloaded().With("NATIVEMALLOC_STATS", "json:" + path).Run().Succeeded();
        Assert.Matches($@"^nativemalloc: {line}\n$", outcome.Error);
        Assert.Empty(Directory.GetFiles(folder));
    }
}

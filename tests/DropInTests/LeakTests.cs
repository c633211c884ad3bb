using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// What programs lose is listed when they end (NATIVEMALLOC_PROFILE=,leaks), all of it where each block is a sample, and nothing else: each kind
/// of tests/programs/leaks.c.
/// </summary>
public sealed class LeakTests
{
    // kind, bytes and blocks that nothing leads to, bytes and blocks that only those lead to
    public static TheoryData<string, int, int, int, int> Kinds => new()
    {
        { "none", 0, 0, 0, 0 },
        { "direct", 1000, 10, 0, 0 },
        { "indirect", 50, 1, 540, 9 },
        { "cycle", 100, 1, 203, 2 },
        { "cycle-with-tail", 64, 1, 128, 2 },
        { "self", 100, 1, 0, 0 },
        { "shared-tail", 200, 2, 300, 1 },
        { "list-of-many", 0, 0, 0, 0 },
        { "interior", 0, 0, 0, 0 },
        { "interior-of-large", 0, 0, 0, 0 },
        { "large", (3 << 20) + (1 << 19), 2, 0, 0 },
        { "through-large", 0, 0, 0, 0 },
        { "aligned", 101128, 3, 0, 0 },
        { "zeroed", 1000100, 2, 0, 0 },
        { "after-realloc", 300050, 2, 0, 0 },
        { "in-register", 0, 0, 0, 0 },
        { "in-register-of-thread", 0, 0, 0, 0 },
        { "in-register-in-kernel", 0, 0, 0, 0 },
        { "on-stack-of-thread", 0, 0, 0, 0 },
        { "below-stack", 2100, 21, 0, 0 },
        { "below-stack-of-thread", 2100, 21, 0, 0 },
        { "below-own-stack-of-thread", 0, 0, 0, 0 },
        { "below-own-stack-that-ended", 0, 0, 0, 0 },
        { "below-mapped-stack-of-thread", 0, 0, 0, 0 },
        { "below-mapped-stack-that-ended", 0, 0, 0, 0 },
        { "thread-that-ended", 700, 6, 0, 0 },
        { "detached-thread-that-ended", 700, 6, 0, 0 },
        { "result-of-thread", 0, 0, 0, 0 },
        { "in-thread-local", 0, 0, 0, 0 },
        { "in-thread-specific", 0, 0, 0, 0 },
        { "in-mapping", 0, 0, 0, 0 },
        { "in-read-only-mapping", 0, 0, 0, 0 },
        { "in-shared-mapping", 0, 0, 0, 0 },
        { "in-mapping-that-went", 100, 1, 0, 0 },
        { "in-reservation", 0, 0, 0, 0 },
        { "guarded", 0, 0, 0, 0 },
        { "on-mapped-coroutine", 0, 0, 0, 0 },
        { "on-allocated-coroutine", 0, 0, 0, 0 },
        { "below-coroutine-that-ends", 0, 0, 0, 0 },
        { "below-coroutine-under-descriptor", 0, 0, 0, 0 },
        { "freed", 500, 1, 0, 0 },
        { "in-library-that-went", 100, 1, 0, 0 },
        { "in-library", 0, 0, 0, 0 },
        { "first-thread-ended", 100, 1, 0, 0 },
        { "closed-descriptors", 100, 1, 0, 0 },
        { "forked", 100, 1, 0, 0 },
        { "while-forking", 100, 1, 0, 0 },
        { "closed-streams", 100, 1, 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void IsReportedInCheckingMode(string kind, int bytes, int blocks, int indirectBytes, int indirectBlocks)
    {
        Outcome outcome = Run(kind).With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
        AssertReported(outcome.Error, bytes, blocks, indirectBytes, indirectBlocks);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void IsReportedWhereEachBlockIsASample(string kind, int bytes, int blocks, int indirectBytes, int indirectBlocks)
    {
        Outcome outcome = Run(kind).With("NATIVEMALLOC_SAMPLE", "1").Run().Succeeded();
        AssertReported(outcome.Error, bytes, blocks, indirectBytes, indirectBlocks);
    }

    [Fact]
    public void EveryKindIsHere()
    {
        string[] listed = TestProgram.Run("leaks", "--list").Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(listed, Kinds.Select(row => (string)((object[])row)[0]!));
    }

    [Fact]
    public void TheFunctionsThatLostItAreNamedByFileAndPlace()
    {
        Outcome outcome = Run("direct").With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
        string program = TestProgram.Path("leaks");
        MatchCollection frames = Regex.Matches(outcome.Error, $@"^    {Regex.Escape(program)}\+(0x[0-9a-f]+)$", RegexOptions.Multiline);
        Assert.InRange(frames.Count, 3, int.MaxValue);
        string[] functions = [.. frames.Take(3).Select(frame => new Command("addr2line", "-f", "-e", program, frame.Groups[1].Value).Run().Output.Split('\n')[0])];
        Assert.Equal(["make", "direct", "main"], functions);
    }

    [Fact]
    public void TheExitCodeCanSaySo()
    {
        Command Ask(string kind) => Run(kind).With("NATIVEMALLOC_PROFILE", ",leaks=23").With("NATIVEMALLOC_SAMPLE", "1");
        Outcome losing = Ask("forked").Run();
        Assert.Equal(23, losing.ExitCode);
        Assert.Matches("^child [0-9]+ 3\n$", losing.Output); // what was printed is not lost, and the child ended as it wanted
        Outcome keeping = Ask("in-mapping").Run().Succeeded();
        Assert.Matches("leaks nothing", keeping.Error);
    }

    [Fact]
    public void WithAPathTheListHasAFileBesideTheProfile()
    {
        string folder = Directory.CreateTempSubdirectory("leaks").FullName;
        Outcome outcome = Run("forked").With("NATIVEMALLOC_PROFILE", $"{folder}/%p.folded,leaks").With("NATIVEMALLOC_SAMPLE", "1").Run().Succeeded();
        Assert.Equal("", outcome.Error);
        string child = Regex.Match(outcome.Output, "[0-9]+").Value;
        string[] reports = [.. Directory.GetFiles(folder, "*.folded.leaks").Order()];
        Assert.Equal(2, reports.Length);
        foreach (string report in reports)
        {
            bool isChilds = Path.GetFileName(report) == $"{child}.folded.leaks";
            AssertReported(File.ReadAllText(report), isChilds ? 150 : 100, isChilds ? 2 : 1, 0, 0);
        }

        Assert.Contains(reports, report => report.EndsWith($"/{child}.folded.leaks"));
        Directory.Delete(folder, recursive: true);
    }

    // A thousand samples of the kind are as many that leak, to within six standard errors.
    [Fact]
    public void SampledTotalsAreNearTheTruth()
    {
        const double Bytes = 64 << 20;
        Outcome outcome = TestProgram.Run("leaks", "much").Preloaded().With("NATIVEMALLOC_PROFILE", ",leaks").With("NATIVEMALLOC_SAMPLE", "64K").Run().Succeeded();
        Match totals = Regex.Match(outcome.Error, @"leaks ([0-9]+) bytes in ([0-9]+) blocks that nothing leads to, and 0 bytes");
        Assert.True(totals.Success, outcome.Error);
        Assert.InRange(double.Parse(totals.Groups[1].Value), Bytes * (1 - 6 / Math.Sqrt(1024)), Bytes * (1 + 6 / Math.Sqrt(1024)));
        Assert.InRange(double.Parse(totals.Groups[2].Value) * 256, Bytes * (1 - 6 / Math.Sqrt(1024)), Bytes * (1 + 6 / Math.Sqrt(1024)));
    }

    [Fact]
    public void AStaticProgramReports()
    {
        string program = TestProgram.Path("leaks", ".static", "-static", Repository.StaticLibrary);
        foreach ((string kind, int bytes, int blocks) in new[] { ("direct", 1000, 10), ("in-thread-local", 0, 0), ("thread-that-ended", 700, 6), ("in-register-of-thread", 0, 0) })
        {
            Outcome outcome = new Command(program, kind).With("NATIVEMALLOC_PROFILE", ",leaks=9").With("NATIVEMALLOC_CHECK", "1").Run();
            Assert.Equal(blocks > 0 ? 9 : 0, outcome.ExitCode);
            AssertReported(outcome.Error, bytes, blocks, 0, 0);
        }
    }

    [Fact]
    public void ArraysOfNewAreReachedBehindTheirCount()
    {
        Outcome outcome = TestProgram.Run("leaks_cxx").Preloaded().With("NATIVEMALLOC_PROFILE", ",leaks").With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
        AssertReported(outcome.Error, 8 + 10 * 32, 1, 10 * 52, 10); // sizeof(size_t), sizeof(Item), the name and its zero
    }

    // As in some containers, and under a debugger: where their stacks end is known of those that wait.
    [Fact]
    public void WhereThreadsCannotBeStoppedThatIsSaid()
    {
        Outcome outcome = Run("without-ptrace").With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
        string[] lines = outcome.Error.Split('\n');
        Assert.Matches("leaks 2100 bytes in 21 blocks that nothing leads to, and 0 bytes", lines[0]);
        Assert.Equal("nativemalloc: threads that could not be stopped meanwhile: 2; what they alone had in registers is listed", lines[1]);
    }

    [Fact]
    public void WhereThreadsCannotBeLookedAtEitherThatIsSaid()
    {
        Outcome outcome = Run("without-dumps").With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
        Assert.Contains("nativemalloc: threads that could not be stopped meanwhile: 2; ", outcome.Error);
    }

    [Fact]
    public void WhereMemoryCannotBeReadThatIsSaid()
    {
        Outcome outcome = Run("without-reading").With("NATIVEMALLOC_PROFILE", ",leaks=3").Run().Succeeded();
        Assert.Equal("nativemalloc: leaks were not searched for: the kernel does not let the process read its own memory, errno 1\n", outcome.Error);
    }

    // Their own malloc's, the dynamic linker's, streams': what is kept for good is no leak.
    [Theory]
    [InlineData("true")]
    [InlineData("ls -l /")]
    [InlineData("bash -c 'for i in 1 2 3; do echo $i; done'")]
    [InlineData("git --version")]
    [InlineData("/usr/bin/python3 -c 'import json, threading; print(json.dumps({}))'")]
    public void ProgramsThatLoseNothingAreNotAccused(string command)
    {
        Outcome outcome = Command.Shell($"export LD_PRELOAD={Repository.Library} NATIVEMALLOC_CHECK=1 NATIVEMALLOC_PROFILE=,leaks=99; exec {command} > /dev/null").Run().Succeeded();
        Assert.Matches("^nativemalloc: process [0-9]+ leaks nothing: of all blocks\n$", outcome.Error);
    }

    private static Command Run(string kind) =>
        TestProgram.Run("leaks", kind, TestProgram.Library("losing")).Preloaded().With("NATIVEMALLOC_PROFILE", ",leaks");

    private static void AssertReported(string report, int bytes, int blocks, int indirectBytes, int indirectBlocks)
    {
        string line = report.Split('\n')[0];
        string expected = blocks == 0
            ? "leaks nothing: of all blocks"
            : $"leaks {bytes} bytes in {Blocks(blocks)} that nothing leads to, and {indirectBytes} bytes in {Blocks(indirectBlocks)} that only those lead to: of all blocks";
        Assert.Equal(expected, Regex.Replace(line, "^nativemalloc: process [0-9]+ ", ""));
        Assert.DoesNotContain("could not", report);
    }

    private static string Blocks(int count) => count == 1 ? "1 block" : $"{count} blocks";
}

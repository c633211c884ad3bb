using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// Each kind of misuse of tests/programs/misuse.c, as it is always and in checking mode: one line that says what is wrong, and
/// SIGABRT. docs/checking.md has the same table for users.
/// </summary>
public sealed class MisuseTests
{
    private const string NotFound = "";
    private const string Foreign = "was not allocated here";
    private const string Misaligned = "is not aligned to 16 bytes, as every block is";
    private const string Freed = "was freed already";
    private const string FreedOrLarge = "was freed already, or points into a large block";
    private const string Interior = "points into a block";
    private const string NoBlock = "is not a block in use: it was freed twice, or points into a block";
    private const string PastEnd = "was written to past its end";
    private const string PastEndOrBefore = "was written to past its end, or before the start of the block behind it";
    private const string AfterFree = "was written to after it was freed";
    private const string WhileFree = "was written to while it was free";
    private const string Small = " (size class 48)";

    public static TheoryData<string, string, string, string, string> Kinds => new()
    {
        // kind, function that is named, found always, found in checking mode, the block
        { "foreign", "free", Foreign, Foreign, "" },
        { "stack", "free", Foreign, Foreign, "" },
        { "wild", "free", Foreign, Foreign, "" },
        { "misaligned-small", "free", Misaligned, Misaligned, " (size class 112)" },
        { "misaligned-large", "free", Misaligned, Misaligned, " (a large block of 31##### bytes)" },
        { "interior-small", "free", NoBlock, Interior, " (size class 112)" },
        { "interior-large", "free", FreedOrLarge, FreedOrLarge, "" },
        { "double-small", "free", Freed, Freed, Small },
        { "double-small-later", "free", NoBlock, Freed, Small },
        { "double-large", "free", FreedOrLarge, Freed, " (a large block of 31##### bytes)" },
        { "double-by-realloc", "free|realloc", Freed, Freed, Small },
        { "realloc-foreign", "realloc", Foreign, Foreign, "" },
        { "size-of-freed", "malloc_usable_size", FreedOrLarge, Freed, " (a large block of 31##### bytes)" },
        { "past-the-end", "free", NotFound, PastEnd, Small },
        { "far-past-the-end", "free", NotFound, PastEndOrBefore, Small },
        { "past-the-end-of-large", "free", NotFound, PastEnd, " (a large block of 30##### bytes)" },
        { "past-the-end-by-realloc", "realloc", NotFound, PastEnd, Small },
        { "before-the-start", "free", NotFound, PastEndOrBefore, " (size class 32)" },
        { "after-free", "malloc", NotFound, AfterFree, " (size class 416)" },
        { "after-free-of-large", "malloc", NotFound, AfterFree, " (a large block of 60#### bytes)" },
        { "after-free-up-to-the-seal", "malloc", NotFound, AfterFree, " (size class 416)" },
        { "after-free-over-the-seal", "malloc", NotFound, WhileFree, " (size class 416)" },
        { "after-free-over-the-seal-at-exit", "exit", NotFound, WhileFree, " (size class 416)" },
        { "after-free-at-exit", "exit", NotFound, AfterFree, " (size class 416)" },
        { "wrong-size", "free", NotFound, "is freed as a block of 24 bytes, and was allocated with 40", Small },
        { "sized-delete-foreign", "free", Foreign, Foreign, "" },
        { "sized-delete-wild", "free", Foreign, Foreign, "" },
        { "sized-delete-other-class", "free", "was freed with a wrong size", "is freed as a block of 100 bytes, and was allocated with 40", Small },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void IsReported(string kind, string function, string always, string checking, string block)
    {
        AssertReported(TestProgram.Run("misuse", kind), function, always, always == FreedOrLarge ? "" : block);
        AssertReported(TestProgram.Run("misuse", kind).With("NATIVEMALLOC_CHECK", "1"), function, checking, block);
    }

    // Also if the blocks are samples, and lie beside such.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void IsReportedOfSamples(string kind, string function, string always, string checking, string block)
    {
        AssertReported(TestProgram.Run("misuse", kind).With("NATIVEMALLOC_SAMPLE", "1"), function, always, always == FreedOrLarge ? "" : block);
        AssertReported(
            TestProgram.Run("misuse", kind).With("NATIVEMALLOC_SAMPLE", "1").With("NATIVEMALLOC_CHECK", "1"), function, checking, block);
    }

    // As the coreutils do.
    [Fact]
    public void WhatIsFoundAtTheEndIsSaidThoughStandardErrorIsClosed()
    {
        Outcome outcome = TestProgram.Run("misuse", "after-free-at-exit", "closed").Preloaded().With("NATIVEMALLOC_CHECK", "1").Run();
        Assert.True(outcome.Aborted);
        Assert.Matches("^nativemalloc: exit\\(0x[0-9a-f]+\\): the address was written to after it was freed \\(size class 416\\)\n$", outcome.Error);
    }

    [Fact]
    public void EveryKindIsHere()
    {
        string[] listed = TestProgram.Run("misuse", "--list").Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(listed, Kinds.Select(row => (string)((object[])row)[0]!));
    }

    // Programs that do nothing wrong run as ever.
    [Theory]
    [InlineData("interface")]
    [InlineData("alignment")]
    [InlineData("large")]
    [InlineData("lives", "400")]
    [InlineData("forks", "5", "2")]
    [InlineData("vforks", "50")]
    [InlineData("threads", "4", "20000")]
    [InlineData("soak", "2", "3")]
    public void CheckingModeIsQuietAboutProgramsThatAreRight(string program, params string[] arguments)
    {
        Outcome outcome = TestProgram.Run(program, arguments).Preloaded().With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
        Assert.DoesNotContain("nativemalloc: ", outcome.Error);
    }

    // What these do wears out what checking mode keeps, and how.
    [Theory]
    [InlineData("handler")]
    [InlineData("sparse")]
    [InlineData("exit")]
    public void CheckingModeIsQuietAbout(string what) => AssertNothingIsWrong(Checked(what).Preloaded());

    [Fact]
    public void WhatIsInQuarantineMakesRoomBeforeMemoryRunsOut()
    {
        AssertNothingIsWrong(Checked("short").Preloaded().With("NATIVEMALLOC_LIMIT", "64M"));
        string program = TestProgram.Path("checked");
        AssertNothingIsWrong(Command.Shell($"ulimit -v 65536; LD_PRELOAD={Repository.Library} {program} short").With("NATIVEMALLOC_CHECK", "1"));
    }

    [Fact]
    public void BlocksThatAreOlderThanCheckingModeGoOnAsTheyWere()
    {
        string program = TestProgram.Path("checked", ".early", "-DEARLY", Repository.StaticLibrary);
        AssertNothingIsWrong(new Command(program, "early").With("NATIVEMALLOC_CHECK", "1"));
    }

    private static Command Checked(string what) => TestProgram.Run("checked", what).With("NATIVEMALLOC_CHECK", "1");

    private static void AssertNothingIsWrong(Command command)
    {
        Outcome outcome = command.Run().Succeeded();
        Assert.Equal(("nothing is wrong\n", ""), (outcome.Output, outcome.Error));
    }

    private static void AssertReported(Command command, string function, string message, string block)
    {
        Outcome outcome = command.Preloaded().Run();
        if (message == NotFound)
        {
            Assert.Equal(("", "not found\n", 0), (outcome.Error, outcome.Output, outcome.ExitCode));
            return;
        }

        string described = System.Text.RegularExpressions.Regex.Escape(block).Replace("\\#", "[0-9]");
        Assert.True(outcome.Aborted, $"exit code {outcome.ExitCode}: {outcome.Output}{outcome.Error}");
        Assert.Matches($@"^nativemalloc: ({function})\(0x[0-9a-f]+\): the address {message}{described}\n$", outcome.Error);
        Assert.Equal("", outcome.Output);
    }
}

using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// Whatever misuse is found, and wherever: a handler of SIGABRT may do what it may under another malloc, and the program may go on.
/// </summary>
public sealed class AbortHandlerTests
{
    public static TheoryData<string, string, string> Runs
    {
        get
        {
            TheoryData<string, string, string> runs = new();
            foreach (string kind in MisuseTests.Kinds.Select(row => (string)((object[])row)[0]!))
            {
                foreach (string handler in new[] { "fork", "system", "allocate" })
                {
                    runs.Add(kind, handler, "mm_cid");
                }

                foreach (string index in new[] { "mm_cid", "cpu_id", "thread" })
                {
                    runs.Add(kind, "jump", index);
                }
            }

            return runs;
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void AHandlerDoesAsItLikes(string kind, string handler, string index)
    {
        object?[] expected = MisuseTests.Kinds.Select(row => (object?[])(object[])row).Single(row => (string)row[0]! == kind);
        AssertHandled(Misuse(kind, handler, index), handler, (string)expected[2]!);
        if (index == "mm_cid" && !(kind.EndsWith("-at-exit") && handler == "jump")) // there main has returned: nothing to go on with
        {
            AssertHandled(Misuse(kind, handler, index).With("NATIVEMALLOC_CHECK", "1"), handler, (string)expected[3]!);
        }
    }

    // Each thread goes on behind its own. (No other could have the same block meanwhile.)
    [Theory]
    [InlineData("interior-large", "points into a large block", "mm_cid")]
    [InlineData("interior-large", "points into a large block", "cpu_id")]
    [InlineData("interior-large", "points into a large block", "thread")]
    [InlineData("foreign", "was not allocated here", "mm_cid")]
    public void ThreadsThatAllMisuseTheHeapAllGoOn(string kind, string message, string index)
    {
        Outcome outcome = Misuse(kind, "crowd", index).Run().Succeeded();
        Assert.Equal("went on\n", outcome.Output);
        Assert.Equal(600, Lines(outcome, message));
    }

    // Of sizes that caches keep at once, and that they keep only when some have come back; while the caches are emptied all the time.
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("cpu_id")]
    [InlineData("thread")]
    public void ASecondFreeRightAfterTheFirstIsFoundOutAnywhere(string index)
    {
        string[] sizes = ["1", "64", "1000", "5000", "30000", "100000", "300000"];
        Outcome outcome = TestProgram.Run("twice", ["each", .. sizes]).Preloaded()
            .With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_RELEASE_DELAY", "1").Run();
        Assert.Equal(($"{sizes.Length * 1500} found\n", 0), (outcome.Output, outcome.ExitCode));
    }

    // Thousands of blocks were freed twice before one was seen: none of the others is handed out twice after that.
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("cpu_id")]
    [InlineData("thread")]
    public void WhatWasFreedTwiceIsNotHandedOutTwiceOnceOneWasFound(string index)
    {
        foreach (string size in new[] { "40", "700", "9000" })
        {
            Outcome outcome = TestProgram.Run("twice", "all", size).Preloaded().With("NATIVEMALLOC_INDEX", index).Run();
            Assert.Equal(("1 found\n", 0), (outcome.Output, outcome.ExitCode));
        }
    }

    // What a signal's handler frees while its thread is on a slow path is freed later: the first time.
    [Theory]
    [InlineData("double")]
    [InlineData("double-later")]
    [InlineData("interior")]
    [InlineData("foreign")]
    public void WhatASignalHandlerMisusesIsReportedWhenItsThreadLeavesTheSlowPath(string kind)
    {
        foreach (string check in new[] { "0", "1" })
        {
            Outcome outcome = TestProgram.Run("interrupted", kind).Preloaded().With("NATIVEMALLOC_CHECK", check).Run().Succeeded();
            Assert.Equal("went on\n", outcome.Output);
            Assert.NotEqual(0, Lines(outcome, ""));
        }
    }

    private static Command Misuse(string kind, string handler, string index) =>
        TestProgram.Run("misuse", kind, handler).Preloaded().With("NATIVEMALLOC_INDEX", index);

    private static void AssertHandled(Command command, string handler, string message)
    {
        if (message == "")
        {
            return; // it is not found
        }

        // Another thread is at work, and may come between a free and what follows it (aborted.h): that goes by unseen, but not time and again.
        Outcome outcome = command.Run();
        for (int again = 0; again < 4 && outcome is { ExitCode: 0, Output: "not found\n" }; again++)
        {
            outcome = command.Run();
        }

        bool jump = handler == "jump";
        Assert.True(jump ? outcome.ExitCode == 0 : outcome.Aborted, $"exit code {outcome.ExitCode}: {outcome.Output}{outcome.Error}");
        Assert.Equal(jump ? "went on\n" : "handled\n", outcome.Output);
        Assert.True(Lines(outcome, message) >= (jump ? 3 : 1), outcome.Error);
    }

    // All that is said are reports; how many of them say that?
    private static int Lines(Outcome outcome, string message)
    {
        string[] lines = outcome.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.Matches(@"^nativemalloc: [a-z_]+\(0x[0-9a-f]+\): the address .*[a-z0-9)]$", line));
        return lines.Count(line => Regex.IsMatch(line, $": the address .*{Regex.Escape(message)}"));
    }
}

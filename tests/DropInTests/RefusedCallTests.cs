using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// Every system call of a fixed sequence of allocations refused in turn: that one alone, and all from that one on. The
/// sequence itself (tests/programs/scarce.c) checks what it gets, and that blocks keep their contents.
/// </summary>
public sealed class RefusedCallTests
{
    [Fact]
    public void AllocationsFailWhereTheKernelGivesNothing()
    {
        (int before, _) = CountCalls("mmap");
        string output = Traced("mmap", "/dev/null", "-e", $"inject=mmap:error=ENOMEM:when={before + 1}+").Run().Succeeded().Output;
        Assert.Matches(@"^[1-9]\d* failures\n$", output);
    }

    [Theory]
    [InlineData("mmap", "ENOMEM", true)]
    [InlineData("mremap", "ENOMEM", true)]
    [InlineData("madvise", "ENOMEM", false)]
    [InlineData("membarrier", "EPERM", false)]
    public void AllocationsFailInOrderOrGoOn(string call, string error, bool always)
    {
        (int before, int all) = CountCalls(call);
        Assert.True(all > before, $"the sequence makes no {call}");
        ConcurrentBag<string> wrong = [];
        Parallel.For(before + 1, all + 1, new ParallelOptions { MaxDegreeOfParallelism = 2 }, number =>
        {
            // One refusal costs one allocation at most.
            Refuse(call, error, $"{number}", most: 1, wrong);
            if (always || number == before + 1)
            {
                Refuse(call, error, $"{number}+", most: call == "mmap" ? int.MaxValue : 0, wrong);
            }
        });
        Assert.Empty(wrong);
    }

    private static void Refuse(string call, string error, string which, int most, ConcurrentBag<string> wrong)
    {
        Outcome outcome = Traced(call, "/dev/null", "-e", $"inject={call}:error={error}:when={which}").Run();
        Match failures = Regex.Match(outcome.Output, @"^(\d+) failures\n$");
        if (outcome.ExitCode != 0 || !failures.Success || int.Parse(failures.Groups[1].Value) > most)
        {
            wrong.Add($"{call} {which}: exit code {outcome.ExitCode}, {outcome.Output}{outcome.Error}");
        }
    }

    // Those that the loader makes before the sequence begins, and all.
    private static (int Before, int All) CountCalls(string call)
    {
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        Traced(call, trace).Run().Succeeded();
        string[] lines = File.ReadAllLines(trace).Where(line => line.Contains('(')).ToArray();
        int before = Array.FindIndex(lines, line => line.StartsWith("getppid("));
        return (before, lines.Length - 1);
    }

    private static Command Traced(string call, string trace, params string[] more) =>
        new("strace", ["-e", $"trace={call},getppid", .. more, "-o", trace, "-E", "LD_PRELOAD=" + Repository.Library, TestProgram.Path("scarce"), "workload"]);
}

using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What a user of gdb expects of any library: to step over its functions and through them, and to see who called.</summary>
public sealed class DebuggerTests
{
    /// <summary>Fast and slow allocations take some 17,000 instructions; one that never ended would show.</summary>
    private const int MostSteps = 60_000;

    /// <summary>A day, in milliseconds: how often a period ends under a debugger, and how many instructions that takes, is a matter of its speed.</summary>
    private const int LongestDelay = 86_400_000;

    // Stops inside a sequence abort it, each time: it must end nevertheless. The kernel's own clock_gettime (vDSO) need not: it begins again
    // when a tick has come in between, and so is left at once.
    [Fact]
    public void SteppingThroughInstructionsComesToAnEnd()
    {
        string[] stops = Debug(
            $"""
            python
            def stack():
                frame = gdb.newest_frame()
                while frame:
                    yield frame.name() or "?"
                    frame = frame.older()

            end = int(gdb.parse_and_eval("(long)&end_steps"))
            steps = 0
            while steps < {MostSteps} and gdb.newest_frame().pc() != end:
                gdb.execute("stepi", to_string=True)
                if "clock_gettime" in (gdb.newest_frame().name() or ""):
                    gdb.execute("finish", to_string=True)
                print("=>", *stack())
                steps += 1
            end
            continue
            """).Split('\n').Where(line => line.StartsWith("=> ")).ToArray();
        Assert.InRange(stops.Length, 1000, MostSteps - 1);

        // Through the fast paths, the slow ones and the shim; and at each instruction main is there.
        foreach (string function in (string[])["nm_pop", "nm_push", "nm_pop_batch", "nm_swap_header", "CpuCache__PopEmpty", "Intercept__PushFull"])
        {
            Assert.True(stops.Any(stop => Regex.IsMatch(stop, $@"^=> \w*{function} ")), $"no stop in {function}");
        }

        Assert.All(stops, stop => Assert.Matches(@" main\b", stop));
    }

    [Fact]
    public void SteppingOverAndFinishingComeBackToTheCaller()
    {
        string output = Debug(
            """
            next
            next
            next
            info locals
            tbreak nm_push
            continue
            bt
            finish
            bt
            tbreak nm_push_full
            continue
            finish
            continue
            """);
        Assert.Matches(@"first = 0x\w+", output);
        Assert.Matches(@"(?s)#0 .*nm_push .* main \(.*\n#0 .*Realloc__TryReplace .* main \(", output);
        Assert.Contains("stepped\n", output);
        Assert.Contains("exited normally", output);
    }

    private static string Debug(string commands) =>
        Gdb.Run(
            "stepped",
            $"""
            set environment NATIVEMALLOC_RELEASE_DELAY {LongestDelay}
            break begin_steps
            run
            finish
            set $end = (long)&end_steps
            {commands}
            """);
}

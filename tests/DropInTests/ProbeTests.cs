using System.Globalization;
using System.IO;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What tracers are told at the probes, beside what the program says that it did.</summary>
public sealed class ProbeTests
{
    private const double Default = 512 << 10;

    // Of each block in turn, its end too.
    [UprobeFact]
    public void WhereEachBlockIsASampleAllThatHappensIsTold()
    {
        (List<Event> traced, List<Event> done) = Trace("60", "1");
        Assert.Equal(done, traced.Select(one => one with { Weight = 0 }));
        Assert.All(traced, one => Assert.Equal(one.Size, one.Weight));
    }

    [UprobeFact]
    public void SamplesAndTheirEndsAreTold()
    {
        const double Mean = 8192;
        (List<Event> traced, List<Event> done) = Trace("600", "8K");
        Assert.True(traced.Count < done.Count);
        AssertIsSampleOf(traced, done, Mean);
    }

    // The option is not there.
    [UprobeFact]
    public void ATracerSwitchesTheSamplerOn()
    {
        (List<Event> traced, List<Event> done) = Trace("6000", "");
        AssertIsSampleOf(traced, done, Default);
    }

    [Fact]
    public void AProbeHasItsArgumentsInADebugger()
    {
        string output = Debug(
            "60",
            """
            set environment NATIVEMALLOC_SAMPLE 1
            break next_third
            run
            break -probe-stap otel_memory:alloc
            commands
            silent
            printf "hit %#lx %lu\n", $_probe_arg0, $_probe_arg1
            if $_probe_arg1 != $_probe_arg2
              echo weight is wrong
            end
            continue
            end
            continue
            continue
            continue
            continue
            """);
        Assert.Contains("exited normally", output);
        Assert.DoesNotContain("wrong", output);
        string[] hits = [.. Regex.Matches(output, @"(?m)^hit (.*)").Select(match => match.Groups[1].Value)];
        Assert.Equal(Regex.Matches(output, @"(?m)^alloc (.*)").Select(match => match.Groups[1].Value.Trim()), hits);
    }

    // Where nobody has raised it the probe is jumped over. A breakpoint that is no probe's raises nothing.
    [Fact]
    public void OnlyItsSemaphoreOpensAProbe()
    {
        string output = Debug(
            "60",
            """
            set environment NATIVEMALLOC_SAMPLE 1
            break main
            run
            break nm_probe_alloc
            break *(nm_probe_alloc+10)
            x/2i nm_probe_alloc+8
            ignore 2 1000000
            ignore 3 1000000
            continue
            info breakpoints
            """);
        Assert.Matches(@"nm_probe_alloc\+10>:\s+nop", output);
        Assert.InRange(Hits(output, 2).Single(), 240, 260);
        Assert.Empty(Hits(output, 3));
    }

    [Fact]
    public void TheSamplerIsOnWhileADebuggerIsAtTheProbe()
    {
        string output = Debug(
            "3000",
            """
            break next_third
            run
            break nm_probe_alloc
            ignore 2 1000000
            continue
            echo first\n
            info breakpoints 2
            break -probe-stap otel_memory:alloc
            ignore 3 1000000
            continue
            echo second\n
            info breakpoints 2
            delete 3
            continue
            echo third\n
            info breakpoints 2
            continue
            """);
        string[] thirds = Regex.Split(output, "(?m)^(?:first|second|third)$");
        int[] hits = [.. thirds[1..].Select(third => Hits(third, 2).SingleOrDefault())];
        Assert.Equal(0, hits[0]);
        Assert.InRange(hits[1], 100, 10_000);
        Assert.InRange(hits[2] - hits[1], 0, hits[1] / 10); // until the next look
    }

    private static IEnumerable<int> Hits(string output, int breakpoint) =>
        Regex.Matches(output, $@"(?m)^{breakpoint} +breakpoint[^\n]*\n(?:\t[^\n]*\n)*?\tbreakpoint already hit (\d+) time")
            .Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));

    // Each a block of the program's, with what it stands for; and the end of each.
    private static void AssertIsSampleOf(List<Event> traced, List<Event> done, double mean)
    {
        HashSet<Event> blocks = [.. done];
        HashSet<string> live = [];
        double estimate = 0;
        foreach (Event one in traced)
        {
            Assert.Contains(one with { Weight = 0 }, blocks);
            Assert.True(one.Size > 0 ? live.Add(one.Block) : live.Remove(one.Block), $"{one}");
            estimate += one.Weight;
            if (one.Size > 0)
            {
                Assert.InRange(one.Weight - one.Size / Chance(one, mean), -0.51, 0.51);
            }
        }

        Assert.Empty(live);
        double deviation = Math.Sqrt(done.Where(one => one.Size > 0).Sum(one => (double)one.Size * one.Size * (1 - Chance(one, mean)) / Chance(one, mean)));
        Assert.InRange((estimate - done.Sum(one => one.Size)) / deviation, -5, 5);
    }

    private static double Chance(Event block, double mean) => 1 - Math.Exp(-block.Size / mean);

    // A library of its own: the kernel's probes are at a file, whoever uses it.
    private static (List<Event> Traced, List<Event> Done) Trace(string rounds, string distance)
    {
        string folder = Repository.NewFolder("uprobes");
        string library = Path.Combine(folder, "library.so");
        string file = Path.Combine(folder, "trace");
        File.Copy(Repository.Library, library);
        Outcome outcome = new Command(UprobeFactAttribute.Script, file, library, TestProgram.Path("probed"), rounds)
            .With("NATIVEMALLOC_SAMPLE", distance).Run().Succeeded();
        return (Parse(File.ReadAllText(file)), Parse(outcome.Output));
    }

    private static List<Event> Parse(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).Select(words =>
            new Event(words[1], words.Length > 2 ? long.Parse(words[2]) : 0, words.Length > 3 ? long.Parse(words[3]) : 0))];

    private static string Debug(string rounds, string commands) =>
        Gdb.Run(
            "probed",
            $"""
            set args {rounds}
            {commands}
            """);

    /// <summary>An allocation, or, without a size, a free.</summary>
    private sealed record Event(string Block, long Size, long Weight);
}

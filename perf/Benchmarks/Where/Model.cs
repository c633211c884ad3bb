using System.Globalization;
using MathNet.Numerics.Statistics;

namespace NativeMalloc.Benchmarks.Where;

/// <summary>What each thing that is counted takes on this machine, in nanoseconds of a processor (perf/costs.c).</summary>
internal sealed record Costs(double Instruction, double First, double Second, double Locked, double Fault, double Populated, double PartOfHuge, double Call, double Wait)
{
    internal static Costs Measure()
    {
        Shell.Run("out/perf/costs", out string output);
        Dictionary<string, double> costs = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture));
        return new(costs["instruction"], costs["in-second"] - costs["in-first"], costs["in-third"] - costs["in-second"], costs["locked"], costs["fault"], costs["populated"], costs["part-of-huge"], costs["call"], costs["wait"]);
    }

    /// <summary>The parts of what a program takes, in seconds; null without a profile.</summary>
    internal Parts? Of(Counts counts) => counts.Emulated is not { } emulated ? null : new(
        emulated.Allocator.Instructions * Instruction / 1e9,
        emulated.Rest.Instructions * Instruction / 1e9,
        (emulated.Allocator.FirstMisses + emulated.Rest.FirstMisses) * First / 1e9,
        (emulated.Allocator.SecondMisses + emulated.Rest.SecondMisses) * Second / 1e9,
        emulated.Locked * Locked / 1e9,
        Median(counts.Faults) * Fault / 1e9,
        counts.SystemCalls.Values.Sum() * Call / 1e9,
        Median(counts.Waits) * Wait / 1e9);

    private static double Median(List<double> values) => values.Count == 0 ? 0 : values.Median();
}

/// <summary>Seconds of a processor, by what they go into. Of a block's misses whoever touches it first has them, so they have one sum.</summary>
internal readonly record struct Parts(
    double Instructions, double RestInstructions, double FirstMisses, double SecondMisses, double Locked, double Faults, double Calls, double Waits)
{
    internal static readonly string[] Names =
        ["instructions of the allocator", "of the rest", "first-level misses", "second-level misses", "locked", "faults", "system calls", "waits"];

    internal double[] All => [Instructions, RestInstructions, FirstMisses, SecondMisses, Locked, Faults, Calls, Waits];

    internal double Sum => All.Sum();
}

using MathNet.Numerics.Statistics;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>What the allocators did in one benchmark, beside glibc and beside each other.</summary>
/// <param name="Name">The benchmark.</param>
/// <param name="Medians">Nanoseconds, or bytes, by allocator.</param>
/// <param name="Ratios">Of glibc's, by allocator.</param>
/// <param name="Loop">What the loop takes by itself; null where nothing of it was taken off.</param>
/// <param name="BestPeer">Which of the others, glibc among them, has the least.</param>
/// <param name="ToBestPeer">What NativeMalloc has of that; null if either failed.</param>
internal sealed record Comparison(
    string Name, Dictionary<string, double> Medians, Dictionary<string, Ratio> Ratios, double? Loop, string BestPeer, Ratio? ToBestPeer)
{
    // Less than this is a loop that happened to run faster with an allocation in it.
    private const double LeastNanoseconds = 0.1;

    /// <summary>
    /// Compares the times of a benchmark; those that failed in a round are left out. What the loop costs by itself is taken off, unless
    /// that is over half of the time of any allocator: what is left would be noise, and its ratio to another's anything.
    /// </summary>
    internal static Comparison OfTimes(IReadOnlyList<Measurement> benchmark)
    {
        Measurement[] allocators = [.. Whole(benchmark)];
        double? loop = benchmark.FirstOrDefault(measurement => measurement.Allocator == Allocator.LoopName) is { Times.Count: > 0 } found
            && allocators.All(measurement => measurement.Times.Median() >= 2 * found.Times.Median()) ? found.Times.Median() : null;
        return Of(allocators, measurement => [.. measurement.Times.Select(time => Math.Max(time - (loop ?? 0), LeastNanoseconds))], loop);
    }

    /// <summary>Compares the peaks of resident memory.</summary>
    internal static Comparison OfPeaks(IReadOnlyList<Measurement> benchmark) => Of([.. Whole(benchmark)], measurement => measurement.Peaks, null);

    private static IEnumerable<Measurement> Whole(IEnumerable<Measurement> benchmark) =>
        benchmark.Where(measurement => measurement.Allocator != Allocator.LoopName && measurement is { Failures.Count: 0, Times.Count: > 0 });

    private static Comparison Of(Measurement[] allocators, Func<Measurement, List<double>> valuesOf, double? loop)
    {
        Dictionary<string, List<double>> values = allocators.ToDictionary(measurement => measurement.Allocator, valuesOf);
        Dictionary<string, double> medians = values.ToDictionary(pair => pair.Key, pair => pair.Value.Median());
        Dictionary<string, Ratio> ratios = values.ToDictionary(pair => pair.Key, pair => Ratio.Of(pair.Value, values[Allocator.BaselineName]));
        string best = ratios.Where(ratio => !Allocator.IsOurs(ratio.Key)).MinBy(ratio => ratio.Value.Value).Key;
        Ratio? toBest = values.TryGetValue(Allocator.OursName, out List<double>? ours) ? Ratio.Of(ours, values[best]) : null;
        return new(allocators[0].Name, medians, ratios, loop, best, toBest);
    }
}

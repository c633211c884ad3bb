using MathNet.Numerics.Statistics;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>What one allocator did in one benchmark, beside glibc.</summary>
/// <param name="Median">Nanoseconds, or bytes.</param>
/// <param name="Spread">Half of what lies between the least and the most of the rounds, as a share of the median.</param>
/// <param name="Ratio">The median as a share of glibc's.</param>
internal readonly record struct Comparison(double Median, double Spread, double Ratio)
{
    // Less than this is a loop that happened to run faster with an allocation in it.
    private const double LeastNanoseconds = 0.1;

    /// <summary>
    /// Compares the times of a benchmark, by allocator; those that failed are left out. What the loop costs by itself is taken off, unless
    /// that is over half of glibc's time: then the difference would be of noise.
    /// </summary>
    internal static Dictionary<string, Comparison> OfTimes(IEnumerable<Measurement> benchmark)
    {
        Measurement[] all = [.. benchmark];
        double loop = TimeOf(all, Allocator.LoopName);
        loop = loop > TimeOf(all, Allocator.BaselineName) / 2 ? 0 : loop;
        return Of(all, measurement => [.. measurement.Times.Select(time => Math.Max(time - loop, LeastNanoseconds))]);
    }

    /// <summary>Compares the peaks of resident memory.</summary>
    internal static Dictionary<string, Comparison> OfPeaks(IEnumerable<Measurement> benchmark) => Of([.. benchmark], measurement => measurement.Peaks);

    private static double TimeOf(Measurement[] benchmark, string allocator) =>
        benchmark.FirstOrDefault(measurement => measurement.Allocator == allocator) is { Times.Count: > 0 } found ? found.Times.Median() : 0;

    private static Dictionary<string, Comparison> Of(Measurement[] benchmark, Func<Measurement, List<double>> values)
    {
        double baseline = values(benchmark.Single(measurement => measurement.Allocator == Allocator.BaselineName)).Median();
        return benchmark.Where(measurement => measurement.Allocator != Allocator.LoopName && values(measurement).Count > 0).ToDictionary(
            measurement => measurement.Allocator,
            measurement =>
            {
                List<double> of = values(measurement);
                return new Comparison(of.Median(), (of.Max() - of.Min()) / 2 / of.Median(), of.Median() / baseline);
            });
    }
}

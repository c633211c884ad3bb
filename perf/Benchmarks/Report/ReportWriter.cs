using System.Globalization;
using MathNet.Numerics.Statistics;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>A run: what was measured, where and when.</summary>
internal sealed record Run(string Date, string Machine, string Command, int Rounds, List<Measurement> Measurements);

/// <summary>Writes report.md and its charts.</summary>
internal static class ReportWriter
{
    /// <summary>Writes the report of a run into a folder.</summary>
    internal static void Write(Run run, string folder)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var micro = Compare(run, Measurement.MicroGroup, Comparison.OfTimes);
        var times = Compare(run, Measurement.ProgramGroup, Comparison.OfTimes);
        var peaks = Compare(run, Measurement.ProgramGroup, Comparison.OfPeaks);
        string charts = Path.Combine(folder, "charts");

        using StreamWriter report = new(Path.Combine(folder, "report.md"));
        report.WriteLine("# NativeMalloc beside other allocators");
        report.WriteLine();
        report.WriteLine($"Made by `{run.Command}` on {run.Date}: {run.Machine}. {run.Rounds} rounds in which all allocators take turns; medians.");
        report.WriteLine();

        Dictionary<string, (double Time, double Memory)> means = [];
        if (times.Count > 0)
        {
            means = Means(times).Join(Means(peaks), time => time.Key, peak => peak.Key, (time, peak) => (time.Key, time.Value, peak.Value))
                .ToDictionary(mean => mean.Key, mean => (mean.Item2, mean.Item3));
            Charts.Means("Whole programs, geometric means", means, Path.Combine(charts, "means.svg"));
            Picture(report, "Geometric means of time and of peak memory", "means.svg");
        }

        WriteMeans(report, Means(micro), means);
        if (micro.Count > 0)
        {
            Charts.Ratios("Microbenchmarks: time, of glibc's", micro, Path.Combine(charts, "microbenchmarks.svg"));
            report.WriteLine("## Microbenchmarks");
            report.WriteLine();
            report.WriteLine("Nanoseconds of an operation under glibc, and how many times that the others take; ± is half of what lies between the least and the");
            report.WriteLine("most of the rounds. What the loop costs by itself is taken off, unless that is over half of glibc's time.");
            report.WriteLine();
            Picture(report, "Time of each microbenchmark beside glibc's", "microbenchmarks.svg");
            WriteTable(report, micro, value => value.ToString(value < 1000 ? "N1" : "N0"));
        }

        if (times.Count > 0)
        {
            Charts.Ratios("Programs: time, of glibc's", times, Path.Combine(charts, "programs-time.svg"));
            Charts.Ratios("Programs: peak memory, of glibc's", peaks, Path.Combine(charts, "programs-memory.svg"));
            report.WriteLine("## Whole programs: time");
            report.WriteLine();
            report.WriteLine("Seconds under glibc, and how many times that under the others.");
            report.WriteLine();
            Picture(report, "Time of each program beside glibc's", "programs-time.svg");
            WriteTable(report, times, value => (value / 1e9).ToString("N3"));
            report.WriteLine("## Whole programs: peak memory");
            report.WriteLine();
            report.WriteLine("MiB resident at most under glibc (of the largest process; of a server all its processes), and how many times that under the others.");
            report.WriteLine();
            Picture(report, "Peak memory of each program beside glibc's", "programs-memory.svg");
            WriteTable(report, peaks, value => (value / (1 << 20)).ToString("N1"));
        }

        string[] failures = [.. run.Measurements.SelectMany(measurement => measurement.Failures.Select(failure => $"* {measurement.Name}, {measurement.Allocator}: {failure}"))];
        report.WriteLine(failures.Length == 0 ? "Nothing failed." : "## Failures\n\n" + string.Join('\n', failures));
    }

    private static List<(string Name, Dictionary<string, Comparison> Of)> Compare(
        Run run, string group, Func<IEnumerable<Measurement>, Dictionary<string, Comparison>> compare) =>
        [.. run.Measurements.Where(measurement => measurement.Group == group).GroupBy(measurement => measurement.Name)
            .Where(benchmark => benchmark.Any(measurement => measurement.Allocator == Allocator.BaselineName && measurement.Times.Count > 0))
            .Select(benchmark => (benchmark.Key, compare(benchmark)))];

    // An allocator that failed in one of them has no mean.
    private static Dictionary<string, double> Means(List<(string Name, Dictionary<string, Comparison> Of)> benchmarks) =>
        benchmarks.SelectMany(benchmark => benchmark.Of).GroupBy(pair => pair.Key, pair => pair.Value.Ratio)
            .Where(ratios => ratios.Count() == benchmarks.Count).ToDictionary(ratios => ratios.Key, ratios => ratios.GeometricMean());

    private static void Picture(StreamWriter report, string text, string file)
    {
        report.WriteLine($"![{text}](charts/{file})");
        report.WriteLine();
    }

    private static void WriteMeans(StreamWriter report, Dictionary<string, double> micro, Dictionary<string, (double Time, double Memory)> programs)
    {
        report.WriteLine("Geometric means of the ratios to glibc:");
        report.WriteLine();
        report.WriteLine("| | microbenchmarks, time | programs, time | programs, peak memory |");
        report.WriteLine("|---|---|---|---|");
        foreach (string allocator in Allocator.All.Select(allocator => allocator.Name).Where(name => micro.ContainsKey(name) || programs.ContainsKey(name)))
        {
            string time = micro.TryGetValue(allocator, out double mean) ? $"{mean:N2}" : "";
            string program = programs.TryGetValue(allocator, out var means) ? $"{means.Time:N3} | {means.Memory:N3}" : " | ";
            report.WriteLine($"| {allocator} | {time} | {program} |");
        }

        report.WriteLine();
    }

    private static void WriteTable(StreamWriter report, List<(string Name, Dictionary<string, Comparison> Of)> benchmarks, Func<double, string> format)
    {
        string[] others = [.. Allocator.All.Select(allocator => allocator.Name).Where(name => name != Allocator.BaselineName && benchmarks.Any(benchmark => benchmark.Of.ContainsKey(name)))];
        report.WriteLine($"| | {Allocator.BaselineName} | {string.Join(" | ", others)} |");
        report.WriteLine($"|---|---|{string.Concat(others.Select(_ => "---|"))}");
        foreach ((string name, Dictionary<string, Comparison> of) in benchmarks)
        {
            double least = of.Values.Min(comparison => comparison.Ratio);
            IEnumerable<string> cells = others.Select(other => of.TryGetValue(other, out Comparison comparison) ? Cell(comparison, least) : "failed");
            report.WriteLine($"| {name} | {format(of[Allocator.BaselineName].Median)} ± {of[Allocator.BaselineName].Spread:P0} | {string.Join(" | ", cells)} |");
        }

        report.WriteLine();
    }

    private static string Cell(Comparison comparison, double least)
    {
        string ratio = comparison.Ratio.ToString(comparison.Ratio < 10 ? "N2" : "N0");
        return $"{(comparison.Ratio == least ? $"**{ratio}**" : ratio)} ± {comparison.Spread:P0}";
    }
}

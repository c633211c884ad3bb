using System.Globalization;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>A run: what was measured, where and when.</summary>
internal sealed record Run(string Date, string Machine, string Command, int Rounds, int ProgramRounds, List<Measurement> Measurements);

/// <summary>Writes report.md and its charts.</summary>
internal static class ReportWriter
{
    /// <summary>Writes the report of a run into a folder.</summary>
    internal static void Write(Run run, string folder)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        Comparison[] micro = Compare(run, Measurement.MicroGroup, Comparison.OfTimes);
        Comparison[] times = Compare(run, Measurement.ProgramGroup, Comparison.OfTimes);
        Comparison[] peaks = Compare(run, Measurement.ProgramGroup, Comparison.OfPeaks);
        string charts = Path.Combine(folder, "charts");

        using StreamWriter report = new(Path.Combine(folder, "report.md"));
        report.WriteLine("# NativeMalloc beside other allocators");
        report.WriteLine();
        report.WriteLine($"Made by `{run.Command}` on {run.Date}: {run.Machine}.");
        report.WriteLine();
        report.WriteLine($"All allocators take turns, in {run.Rounds} rounds over the microbenchmarks and {run.ProgramRounds} over each program; medians. A ratio is the median of the");
        report.WriteLine("rounds' ratios, with its 95 % confidence interval in brackets (bootstrap over the rounds). The best of a row is bold, and so are those");
        report.WriteLine("whose ratio lies within the best one's interval.");
        report.WriteLine();

        Dictionary<string, Ratio> timeMeans = Means(times), peakMeans = Means(peaks);
        if (times.Length > 0)
        {
            Charts.Means("Whole programs, geometric means", timeMeans, peakMeans, Path.Combine(charts, "means.svg"));
            Picture(report, "Geometric means of time and of peak memory", "means.svg");
        }

        WriteMeans(report, Means(micro), timeMeans, peakMeans);
        WriteBestPeer(report, micro, times, peaks);
        if (micro.Length > 0)
        {
            Charts.Ratios("Microbenchmarks: time, of glibc's", micro, Path.Combine(charts, "microbenchmarks.svg"));
            report.WriteLine("## Microbenchmarks");
            report.WriteLine();
            report.WriteLine("Nanoseconds of an operation under glibc, and how many times that the others take. What the loop costs by itself is taken off where it");
            report.WriteLine("is at most half of what the fastest allocator takes; the column says how much.");
            report.WriteLine();
            Picture(report, "Time of each microbenchmark beside glibc's", "microbenchmarks.svg");
            WriteTable(report, micro, value => value.ToString(value < 1000 ? "N1" : "N0"), "N2", withLoop: true);
        }

        if (times.Length > 0)
        {
            Charts.Ratios("Programs: time, of glibc's", times, Path.Combine(charts, "programs-time.svg"));
            Charts.Ratios("Programs: peak memory, of glibc's", peaks, Path.Combine(charts, "programs-memory.svg"));
            report.WriteLine("## Whole programs: time");
            report.WriteLine();
            report.WriteLine("Seconds under glibc, and how many times that under the others.");
            report.WriteLine();
            Picture(report, "Time of each program beside glibc's", "programs-time.svg");
            WriteTable(report, times, value => (value / 1e9).ToString("N3"), "N2", withLoop: false);
            report.WriteLine("## Whole programs: peak memory");
            report.WriteLine();
            report.WriteLine("MiB resident at most under glibc (of the largest process; of a server all its processes), and how many times that under the others.");
            report.WriteLine();
            Picture(report, "Peak memory of each program beside glibc's", "programs-memory.svg");
            WriteTable(report, peaks, value => (value / (1 << 20)).ToString("N1"), "N2", withLoop: false);
        }

        string[] failures = [.. run.Measurements.SelectMany(measurement => measurement.Failures.Select(failure => $"* {measurement.Name}, {measurement.Allocator}: {failure}")).Distinct()];
        report.WriteLine(failures.Length == 0 ? "Nothing failed." : "## Failures\n\n" + string.Join('\n', failures));
    }

    private static Comparison[] Compare(Run run, string group, Func<IReadOnlyList<Measurement>, Comparison> compare) =>
        [.. run.Measurements.Where(measurement => measurement.Group == group).GroupBy(measurement => measurement.Name)
            .Where(benchmark => benchmark.Any(measurement => measurement.Allocator == Allocator.BaselineName && measurement is { Failures.Count: 0, Times.Count: > 0 }))
            .Select(benchmark => compare([.. benchmark]))];

    // An allocator that failed in one of them has no mean.
    private static Dictionary<string, Ratio> Means(Comparison[] benchmarks) =>
        benchmarks.SelectMany(benchmark => benchmark.Ratios).GroupBy(pair => pair.Key, pair => pair.Value)
            .Where(ratios => ratios.Count() == benchmarks.Length).ToDictionary(ratios => ratios.Key, ratios => Ratio.Mean([.. ratios]));

    private static void Picture(StreamWriter report, string text, string file)
    {
        report.WriteLine($"![{text}](charts/{file})");
        report.WriteLine();
    }

    private static void WriteMeans(StreamWriter report, Dictionary<string, Ratio> micro, Dictionary<string, Ratio> times, Dictionary<string, Ratio> peaks)
    {
        report.WriteLine("Geometric means of the ratios to glibc:");
        report.WriteLine();
        report.WriteLine("| | microbenchmarks, time | programs, time | programs, peak memory |");
        report.WriteLine("|---|---|---|---|");
        foreach (string allocator in Allocator.All.Select(allocator => allocator.Name).Where(name => micro.ContainsKey(name) || times.ContainsKey(name)))
        {
            report.WriteLine($"| {allocator} | {Mean(micro, "N2")} | {Mean(times, "N3")} | {Mean(peaks, "N3")} |");
            string Mean(Dictionary<string, Ratio> means, string format) =>
                !means.TryGetValue(allocator, out Ratio? mean) ? "" : allocator == Allocator.BaselineName ? mean.Value.ToString(format) : mean.ToString(format);
        }

        report.WriteLine();
    }

    // The mean over all rows of NativeMalloc's share of what the best of the others takes, which is another in each row.
    private static void WriteBestPeer(StreamWriter report, params Comparison[][] groups)
    {
        string[] means = [.. groups.Select(group => group.Length > 0 && group.All(benchmark => benchmark.ToBestPeer != null)
            ? Ratio.Mean([.. group.Select(benchmark => benchmark.ToBestPeer!)]).ToString("N3") : "")];
        report.WriteLine("NativeMalloc beside the best of the others in each row, which is now this one and now that: "
            + $"{string.Join("; ", means.Zip(["microbenchmarks", "programs' time", "peak memory"], (mean, what) => $"{what} {mean}").Where(mean => !mean.EndsWith(' ')))}.");
        report.WriteLine("It is called the best after it was measured, so its luck is in it, and the more so the wider the intervals are.");
        report.WriteLine();
    }

    private static void WriteTable(StreamWriter report, Comparison[] benchmarks, Func<double, string> value, string ratio, bool withLoop)
    {
        string[] others = [.. Allocator.All.Select(allocator => allocator.Name).Where(name => name != Allocator.BaselineName && benchmarks.Any(benchmark => benchmark.Ratios.ContainsKey(name)))];
        report.WriteLine($"| | {(withLoop ? "loop | " : "")}{Allocator.BaselineName} | {string.Join(" | ", others)} | {Allocator.OursName} to the best of the others |");
        report.WriteLine($"|---|{(withLoop ? "---|" : "")}---|{string.Concat(others.Select(_ => "---|"))}---|");
        foreach (Comparison benchmark in benchmarks)
        {
            Ratio best = benchmark.Ratios.Values.MinBy(other => other.Value)!;
            IEnumerable<string> cells = others.Select(other => benchmark.Ratios.TryGetValue(other, out Ratio? of) ? Cell(of, best, ratio) : "failed");
            string loop = withLoop ? $"{benchmark.Loop?.ToString("N1") ?? "left in"} | " : "";
            string toBest = benchmark.ToBestPeer is { } found ? $"{benchmark.BestPeer}: {found.ToString(ratio)}" : "failed";
            report.WriteLine($"| {benchmark.Name} | {loop}{value(benchmark.Medians[Allocator.BaselineName])} | {string.Join(" | ", cells)} | {toBest} |");
        }

        report.WriteLine();
    }

    private static string Cell(Ratio of, Ratio best, string format)
    {
        string[] words = of.ToString(format).Split(' ', 2);
        return string.Join(' ', of.Value <= best.High ? words.Skip(1).Prepend($"**{words[0]}**") : words);
    }
}

using ScottPlot;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>The pictures of a report, as SVG.</summary>
internal static class Charts
{
    private static readonly Dictionary<string, (string Color, MarkerShape Shape)> s_styles = new()
    {
        [Allocator.BaselineName] = ("#555555", MarkerShape.VerticalBar),
        [Allocator.OursName] = ("#d62728", MarkerShape.FilledCircle),
        ["NativeMalloc, cpu_id"] = ("#ff9896", MarkerShape.OpenCircle),
        ["NativeMalloc, per thread"] = ("#e377c2", MarkerShape.OpenCircle),
        ["jemalloc"] = ("#1f77b4", MarkerShape.FilledSquare),
        ["mimalloc"] = ("#2ca02c", MarkerShape.FilledDiamond),
        ["tcmalloc-minimal"] = ("#ff7f0e", MarkerShape.FilledTriangleUp),
        ["scudo"] = ("#9467bd", MarkerShape.FilledTriangleDown),
    };

    /// <summary>A row for each benchmark, a mark for each allocator: how many times glibc's it takes.</summary>
    internal static void Ratios(string title, Comparison[] benchmarks, string file)
    {
        Plot plot = new();
        foreach (string allocator in s_styles.Keys.Where(name => benchmarks.Any(benchmark => benchmark.Ratios.ContainsKey(name))))
        {
            List<Coordinates> marks = [];
            for (int row = 0; row < benchmarks.Length; row++)
            {
                if (benchmarks[row].Ratios.TryGetValue(allocator, out Ratio? ratio))
                {
                    marks.Add(new(Math.Log2(ratio.Value), -row));
                }
            }

            Mark(plot, allocator, marks);
        }

        plot.Axes.Left.SetTicks([.. benchmarks.Select((_, row) => (double)-row)], [.. benchmarks.Select(benchmark => benchmark.Name)]);
        plot.Axes.SetLimitsY(-benchmarks.Length, 1);
        LogarithmicTicks(plot.Axes.Bottom, [.. benchmarks.SelectMany(benchmark => benchmark.Ratios.Values).Select(ratio => ratio.Value)]);
        Finish(plot, title + " (less is better)", file, 1000, 140 + 22 * benchmarks.Length);
    }

    /// <summary>A mark for each allocator: the geometric mean of its times, and of its peaks of memory.</summary>
    internal static void Means(string title, Dictionary<string, Ratio> times, Dictionary<string, Ratio> peaks, string file)
    {
        Plot plot = new();
        foreach ((string allocator, Ratio time) in times)
        {
            Mark(plot, allocator, [new(Math.Log2(time.Value), Math.Log2(peaks[allocator].Value))]);
        }

        LogarithmicTicks(plot.Axes.Bottom, [.. times.Values.Select(time => time.Value)]);
        LogarithmicTicks(plot.Axes.Left, [.. peaks.Values.Select(peak => peak.Value)]);
        plot.Add.HorizontalLine(0, color: Colors.Gray);
        plot.XLabel("time, of glibc's");
        plot.YLabel("peak memory, of glibc's");
        Finish(plot, title + " (lower left is better)", file, 720, 480);
    }

    private static void Mark(Plot plot, string allocator, List<Coordinates> places)
    {
        (string color, MarkerShape shape) = s_styles[allocator];
        ScottPlot.Plottables.Scatter marks = plot.Add.ScatterPoints(places, Color.FromHex(color));
        marks.MarkerShape = shape;
        marks.MarkerSize = allocator == Allocator.OursName ? 11 : 8;
        marks.LegendText = allocator;
    }

    // The axis is in powers of two; it names the ratios.
    private static void LogarithmicTicks(IAxis axis, double[] ratios)
    {
        int from = (int)Math.Floor(Math.Log2(ratios.Append(0.9).Min()));
        int to = (int)Math.Ceiling(Math.Log2(ratios.Append(1.1).Max()));
        int step = Math.Max(1, (to - from + 9) / 10); // or names meet
        from = (int)Math.Floor((double)from / step) * step; // 1 is among them
        double fine = to - from <= 3 ? 0.25 : step;
        List<(double Position, string Label)> ticks = [];
        for (double power = from; power <= to; power += fine)
        {
            double ratio = Math.Pow(2, power);
            ticks.Add((power, ratio.ToString(power >= 0 && power == Math.Floor(power) ? "0" : ratio >= 0.1 ? "0.##" : "G2")));
        }

        axis.SetTicks([.. ticks.Select(tick => tick.Position)], [.. ticks.Select(tick => tick.Label)]);
        axis.Range.Set(from - 0.1, to + 0.1);
    }

    private static void Finish(Plot plot, string title, string file, int width, int height)
    {
        plot.Add.VerticalLine(0, color: Colors.Gray);
        plot.Title(title);
        plot.ShowLegend(Edge.Bottom).Legend.Orientation = Orientation.Horizontal;
        Picture.Save(plot, file, width, height);
    }
}

using System.Globalization;
using ScottPlot;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>A picture of resident memory over time, as SVG.</summary>
internal static class Timelines
{
    private static readonly Dictionary<string, string> s_colors = new()
    {
        [Allocator.BaselineName] = "#555555",
        ["glibc, 2 arenas"] = "#1f77b4",
        [Allocator.OursName] = "#d62728",
    };

    /// <summary>A line for each of a folder's files ALLOCATOR.ROUND.resident, whose lines are seconds and how many MiB there were then.</summary>
    internal static void Draw(string title, string folder, string file)
    {
        Plot plot = new();
        HashSet<string> named = [];
        foreach (string timeline in Directory.GetFiles(folder, "*.resident").Order(StringComparer.Ordinal))
        {
            string allocator = Path.GetFileName(timeline).Split('.')[0];
            Coordinates[] points = [.. File.ReadLines(timeline).Select(line => line.Split(' ')).Select(pair => new Coordinates(Number(pair[0]), Number(pair[1])))];
            ScottPlot.Plottables.Scatter line = plot.Add.ScatterLine(points, Color.FromHex(s_colors[allocator]));
            line.LineWidth = 2;
            line.LegendText = named.Add(allocator) ? allocator : "";
        }

        plot.Title(title);
        plot.XLabel("seconds");
        plot.YLabel("MiB resident");
        plot.Axes.AutoScale();
        plot.Axes.SetLimits(0, plot.Axes.GetLimits().Right, 0, plot.Axes.GetLimits().Top);
        plot.ShowLegend(Edge.Bottom).Legend.Orientation = Orientation.Horizontal;
        Picture.Save(plot, file, 1000, 480);
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}

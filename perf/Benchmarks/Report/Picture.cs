using ScottPlot;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>A plot as a file that is right on light and on dark pages.</summary>
internal static class Picture
{
    // Light becomes dark, and colours stay about what they are.
    private const string Style = "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(0.93) hue-rotate(180deg) } }</style>";

    internal static void Save(Plot plot, string file, int width, int height)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        string svg = plot.GetSvgXml(width, height);
        File.WriteAllText(file, svg.Insert(svg.IndexOf('>', svg.IndexOf("<svg", StringComparison.Ordinal)) + 1, "\n\t" + Style));
    }
}

namespace NativeMalloc.Inspect;

/// <summary>What was in use and resident in the last minutes, from left to right, in so many columns and lines. One bar stands behind the other.</summary>
internal sealed class TopGraph
{
    // A line's part of a bar, by eighths; the last is all of it.
    private const string Bars = "▁▂▃▄▅▆▇█";
    private const char Shade = '░'; // what is resident, where there are no colours
    private const int Steps = 8;

    private static readonly double[] s_spans = [30, 60, 120, 300, Watch.MostGraphSeconds];

    private readonly int _lines;
    private readonly (double InUse, double Resident)?[] _columns;

    /// <summary>What the highest bar may come to.</summary>
    internal double Top { get; } = 1 << 20;

    /// <summary>From its left to its right.</summary>
    internal double Seconds { get; }

    internal TopGraph(IReadOnlyList<Watch.Point> points, int width, int lines)
    {
        _lines = lines;
        _columns = new (double, double)?[width];
        double end = points[^1].Seconds;
        Seconds = s_spans.First(span => span >= Math.Min(end - points[0].Seconds, Watch.MostGraphSeconds));
        int next = 0;
        for (int column = 0; column < width; column++)
        {
            // The highest of what falls into a column, or as before.
            double until = end - Seconds * (width - 1 - column) / width;
            (double InUse, double Resident)? highest = null;
            for (; next < points.Count && points[next].Seconds <= until; next++)
            {
                highest = (Math.Max(highest?.InUse ?? 0, points[next].InUse), Math.Max(highest?.Resident ?? 0, points[next].Resident));
            }

            _columns[column] = highest ?? (column > 0 ? _columns[column - 1] : null);
        }

        double most = points.Max(point => Math.Max(point.InUse, point.Resident));
        while (Top < most)
        {
            Top *= Top * 1.5 >= most ? 1.5 : 2;
        }
    }

    /// <summary>Draws one of its lines, from the top.</summary>
    internal void Draw(ScreenLine line, int number, bool unicode, bool colours)
    {
        foreach ((double InUse, double Resident)? column in _columns)
        {
            if (column is not { } values)
            {
                line.Add(" ");
                continue;
            }

            int used = EighthsIn(number, values.InUse), resident = EighthsIn(number, values.Resident);
            if (!unicode)
            {
                line.Add(used >= Steps / 2 ? "#" : resident >= Steps / 2 ? "." : " ", used >= Steps / 2 ? Terminal.Blue : Terminal.Orange);
            }
            else if (used > 0)
            {
                line.Add(Bars[used - 1].ToString(), resident == Steps && used < Steps ? Terminal.BlueOnOrange : Terminal.Blue);
            }
            else if (resident > 0)
            {
                line.Add((colours ? Bars[resident - 1] : resident >= Steps / 2 ? Shade : ' ').ToString(), Terminal.Orange);
            }
            else
            {
                line.Add(" ");
            }
        }
    }

    private int EighthsIn(int number, double bytes) =>
        Math.Clamp((int)Math.Round(bytes / Top * _lines * Steps) - (_lines - 1 - number) * Steps, 0, Steps);
}

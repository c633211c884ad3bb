using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>What nativemalloc top shows where there is no screen: a line of numbers each time, of bytes, for scripts.</summary>
internal static class TopLines
{
    private static readonly (string Name, Func<Watch, double> Number)[] s_columns =
    [
        ("in_use", watch => watch.Heap.InUse),
        ("slabs", watch => watch.Heap.FrontEnd),
        ("transfer", watch => watch.Heap.Transfer),
        ("spans", watch => (double)watch.Heap.Central + watch.Heap.SpanTails),
        ("free", watch => watch.Heap.Free),
        ("released", watch => watch.Heap.Released),
        ("resident", watch => watch.Last.Resident),
        ("allocated", watch => watch.Heap.Allocated),
    ];

    /// <summary>So many lines, or without end; then until nobody reads them.</summary>
    internal static int Run(Watch watch, TimeSpan interval, int? lines)
    {
        const int Width = 13;
        string heading = $"{"seconds",8}" + string.Concat(s_columns.Select(column => $"{column.Name,Width}"));
        bool isRead = StandardOutput.Write(heading + "\n");
        Pace pace = new(interval);
        for (int line = 0; isRead && line != lines; line++)
        {
            pace.Wait();
            watch.Read();
            string seconds = watch.Last.Seconds.ToString("0.0", CultureInfo.InvariantCulture);
            IEnumerable<string> numbers = s_columns.Select(column => column.Number(watch).ToString("0", CultureInfo.InvariantCulture).PadLeft(Width));
            isRead = StandardOutput.Write($"{seconds,8}{string.Concat(numbers)}\n");
        }

        return 0;
    }
}

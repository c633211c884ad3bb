using System.Diagnostics;

namespace NativeMalloc.Inspect;

/// <summary>
/// What has been seen of a process while it was watched: readings of the last seconds, which say how fast things change, and of the last minutes what
/// the graph shows.
/// </summary>
internal sealed class Watch(HeapReader reader)
{
    /// <summary>Over so long rates are taken: numbers that a person can read while they change.</summary>
    private const double RateSeconds = 5;

    /// <summary>How long the graph goes back.</summary>
    internal const double MostGraphSeconds = 600;

    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly Queue<Reading> _recent = [];
    private readonly List<Point> _points = [];

    internal HeapReader Reader => reader;

    internal IReadOnlyList<Point> Points => _points;

    internal Reading Last { get; private set; } = null!;

    internal HeapStatistics Heap => Last.Heap;

    internal readonly record struct Point(double Seconds, double InUse, double Resident);

    internal double Seconds => _watch.Elapsed.TotalSeconds;

    internal void Read()
    {
        Last = Reading.Take(reader, _watch);
        _recent.Enqueue(Last);
        while (_recent.Count > 2 && Last.Seconds - _recent.ElementAt(1).Seconds >= RateSeconds)
        {
            _recent.Dequeue();
        }

        _points.Add(new Point(Last.Seconds, Heap.InUse, Last.Resident));
        _points.RemoveAll(point => point.Seconds < Last.Seconds - MostGraphSeconds);
    }

    /// <summary>By how much something has changed in a second, over the last seconds; null where there is but one reading.</summary>
    internal double? Rate(Func<Reading, double> number)
    {
        Reading first = _recent.Peek();
        return Last.Seconds > first.Seconds ? (number(Last) - number(first)) / (Last.Seconds - first.Seconds) : null;
    }
}

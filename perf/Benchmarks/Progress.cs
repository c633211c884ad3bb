using System.Diagnostics;

namespace NativeMalloc.Benchmarks;

/// <summary>Tells on standard error what has been measured and how long the rest will take.</summary>
internal sealed class Progress(int steps)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _done;

    internal void Step(string what)
    {
        _done++;
        TimeSpan left = _clock.Elapsed / _done * Math.Max(0, steps - _done);
        Console.Error.WriteLine($"[{_done}/{steps}, {left:m\\:ss} left] {what}");
    }
}

using System.Diagnostics;

namespace NativeMalloc.Inspect;

/// <summary>
/// The steps in which a process is looked at, each as long as asked for. Where one came late, as when the machine stood still, those after it are not
/// hurried: what changes from one look to the next would be too little to tell.
/// </summary>
internal sealed class Pace(TimeSpan step)
{
    private readonly Stopwatch _sinceLast = new();

    /// <summary>The first time at once, then a step after the time before.</summary>
    internal void Wait()
    {
        if (_sinceLast.IsRunning && _sinceLast.Elapsed < step)
        {
            Thread.Sleep(step - _sinceLast.Elapsed);
        }

        _sinceLast.Restart();
    }
}

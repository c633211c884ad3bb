using System.Diagnostics;
using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>
/// Switches the sampler on in a process, for as long as this goes on: the process is told a time at which it goes off by itself, which is put off
/// again and again. So nothing is left behind if this program is killed. Where the sampler was on without such a time, it is left as it is.
/// </summary>
internal sealed unsafe class SamplerLease : IDisposable
{
    /// <summary>Long beside what a busy machine makes this program wait between two renewals, and short for a process whose samples nobody wants.</summary>
    private const long Milliseconds = 5_000;

    internal const int RenewEvery = 500;

    private readonly TargetProcess _process;
    private readonly Library _library;
    private readonly ulong _control;
    private readonly long _clockOffset;
    private readonly bool _isOthers;

    /// <summary>Bytes from one sample to the next, on average.</summary>
    internal ulong Mean { get; }

    internal SamplerLease(TargetProcess process, Library library, ulong mean)
    {
        _process = process;
        _library = library;
        _control = (ulong)library.Roots.SamplerControl;
        _clockOffset = ClockOffset(process);
        SamplerControl now = ControlOf(process, library);
        bool isOn = IsOn(process, now);
        _isOthers = isOn && !IsForGood(now);
        Mean = isOn ? now.Mean : mean;
        Renew();
    }

    /// <summary>Samples are taken at the moment.</summary>
    internal static bool IsOn(TargetProcess process, SamplerControl control) =>
        control.Mean != 0 && (control.Until == 0 || control.Until > NowOf(ClockOffset(process)));

    internal static SamplerControl ControlOf(TargetProcess process, Library library) =>
        process.Read<SamplerControl>((ulong)library.Roots.SamplerControl);

    /// <summary>Samples are taken until the process itself ends that: it may begin so while this looks.</summary>
    internal static bool IsForGood(SamplerControl control) => control.Mean != 0 && control.Until == 0;

    /// <summary>Puts off the time at which it goes off by itself.</summary>
    internal void Renew()
    {
        if (!IsForGood(ControlOf(_process, _library)))
        {
            Write(Mean, Now + Milliseconds);
        }
    }

    /// <summary>Switches it off, unless it was on: another that looks at the same process may want it yet, and ends it or lets it end.</summary>
    public void Dispose()
    {
        try
        {
            if (!_isOthers && !IsForGood(ControlOf(_process, _library)))
            {
                Write(0, 0);
            }
        }
        catch (Refusal)
        {
            // it has ended
        }
    }

    // The time first: it is never on without one.
    private void Write(ulong mean, long until)
    {
        _library.EnsureStillThere();
        if (mean != 0)
        {
            _process.Write(_control + (ulong)sizeof(ulong), (ulong)until);
        }

        _process.Write(_control, mean);
    }

    private long Now => NowOf(_clockOffset);

    private static long NowOf(long clockOffset) => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000) + clockOffset;

    // The process may be in another time namespace. "monotonic  seconds nanoseconds", for those in it.
    private static long ClockOffset(TargetProcess process) => Offset(process.Folder) - Offset("/proc/self");

    private static long Offset(string folder)
    {
        string file = folder + "/timens_offsets";
        string line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(line => line.StartsWith("monotonic")) ?? "" : "";
        string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length == 3
            ? long.Parse(fields[1], CultureInfo.InvariantCulture) * 1000 + long.Parse(fields[2], CultureInfo.InvariantCulture) / 1_000_000
            : 0;
    }
}

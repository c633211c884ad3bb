using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>Takes the profile of a process that runs.</summary>
internal static class ProcessProfile
{
    /// <summary>
    /// If its sampler is on for good, this is all that it knows, at once unless a time was asked for; else what was allocated while this looked, and
    /// of what earlier looks saw, what is left. What was allocated is that of the time.
    /// </summary>
    internal static Profile Take(int number, ulong mean, int? secondsAsked, out string title)
    {
        const int DefaultSeconds = 10;
        TargetProcess process = new(number);
        List<MapLine> map = MemoryMap.Of(process);
        Library library = Library.In(process, LoadedImage.Of(process, map));
        Symbolizer symbolizer = Symbolizer.Of(process);
        SamplerReader reader = new(process, library);
        SamplerControl control = SamplerLease.ControlOf(process, library);
        int seconds = secondsAsked ?? (SamplerLease.IsForGood(control) ? 0 : DefaultSeconds);
        Profile profile;
        if (seconds == 0)
        {
            profile = Read(process, library, reader, control.Mean != 0 ? control.Mean : mean);
            title = process.ToString();
            if (!SamplerLease.IsOn(process, control))
            {
                profile.Comments.Add("no samples are taken now: what earlier looks have left");
            }
        }
        else
        {
            using SamplerLease lease = new(process, library, mean);
            reader.Begin();
            double looked = Wait(lease, seconds);
            profile = Read(process, library, reader, lease.Mean);
            profile.Duration = (long)(looked * 1e9);
            title = string.Create(CultureInfo.InvariantCulture, $"{process}, looked at for {Math.Round(looked, 1)} s");
        }

        profile.Comments.Insert(0, $"nativemalloc {Layout.Version}, process {process.Number}");
        if (profile.Stacks.Count == 0)
        {
            profile.Comments.Add("nothing was a sample: little was allocated, or by a malloc of the program's own");
        }

        symbolizer.Name(profile);
        return profile;
    }

    // With what is loaded by now.
    private static Profile Read(TargetProcess process, Library library, SamplerReader reader, ulong mean)
    {
        List<MapLine> map = MemoryMap.Of(process);
        Profile profile = reader.Read(mean, LoadedImage.Of(process, map), map);
        library.EnsureStillThere();
        return profile;
    }

    // Interrupted, it is enough. Returns how many seconds it was.
    private static double Wait(SamplerLease lease, int seconds)
    {
        using ManualResetEventSlim interrupted = new();
        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Set();
        }

        using PosixSignalRegistration first = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using PosixSignalRegistration second = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        Stopwatch watch = Stopwatch.StartNew();
        for (double left = seconds; left > 0 && !interrupted.Wait((int)Math.Min(left * 1000, SamplerLease.RenewEvery)); left = seconds - watch.Elapsed.TotalSeconds)
        {
            lease.Renew();
        }

        return watch.Elapsed.TotalSeconds;
    }
}

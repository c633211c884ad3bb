namespace NativeMalloc;

/// <summary>What switches the sampler on and off. It may be written to from outside the process: each field is one store.</summary>
internal struct SamplerControl
{
    /// <summary>Bytes from one sample to the next on average; 0: off, 1: each block is one.</summary>
    internal ulong Mean;

    /// <summary>When it goes off by itself, by <see cref="Clock.Milliseconds"/>; 0: never.</summary>
    internal long Until;
}

/// <summary>What the sampler knows; its lock protects it. Who reads it from outside the process finds everything from here.</summary>
internal unsafe struct SamplerState
{
    internal FutexLock Lock;

    /// <summary>
    /// The first of all, in the order in which they came, which is that for which there is no room; the others follow by <see cref="CallStack.Later"/>.
    /// </summary>
    internal CallStack* FirstStack;

    /// <summary>The first structure of the first piece of memory that samples lie in, one beside the other (<see cref="Sample.Link"/>).</summary>
    internal Sample* FirstSample;

    internal Totals Live;
    internal ulong LiveSamples;

    /// <summary>The most that was live at once, and the number of that moment: it grows with each new peak.</summary>
    internal Totals Peak;
    internal ulong PeakMoment;

    /// <summary>Samples whose stack had no room, and those that were not made: where there was no memory, or the slow path could not be entered.</summary>
    internal ulong MissedStacks;
    internal ulong MissedSamples;

    internal void OnAllocated(Sample* sample)
    {
        CallStack* stack = sample->Stack;
        stack->Settle(PeakMoment);
        stack->Allocated.Add(sample);
        stack->AllocatedSamples++;
        stack->Live.Add(sample);
        stack->LiveSamples++;
        Live.Add(sample);
        LiveSamples++;
        if (Live.Bytes > Peak.Bytes)
        {
            BeginPeak();
        }
    }

    internal void OnFreed(Sample* sample)
    {
        CallStack* stack = sample->Stack;
        stack->Settle(PeakMoment);
        stack->Live.Subtract(sample);
        if (--stack->LiveSamples == 0)
        {
            stack->Live = default; // sums of such numbers are not exact
        }

        Live.Subtract(sample);
        if (--LiveSamples == 0)
        {
            Live = default;
        }
    }

    /// <summary>This moment is the highest so far.</summary>
    internal void BeginPeak()
    {
        Peak = Live;
        PeakMoment++;
    }
}

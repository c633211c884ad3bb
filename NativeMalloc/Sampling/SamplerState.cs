#pragma warning disable CS0649 // written by those who take samples

namespace NativeMalloc;

/// <summary>What switches the sampler on and off. It may be written to from outside the process: each field is one store.</summary>
internal struct SamplerControl
{
    /// <summary>Bytes from one sample to the next on average; 0: off, 1: each block is one.</summary>
    internal ulong Mean;

    /// <summary>When it goes off by itself, by <see cref="Clock.Milliseconds"/>; 0: never.</summary>
    internal long Until;
}

/// <summary>All that the sampler knows. Who reads it from outside the process finds everything from here.</summary>
internal unsafe struct SamplerState
{
    internal FutexLock Lock;

    /// <summary>The first of all, in the order in which they came; the others follow by <see cref="CallStack.Later"/>.</summary>
    internal CallStack* FirstStack;

    /// <summary>The first structure of the first piece of memory that samples lie in, one beside the other (<see cref="Sample.Link"/>).</summary>
    internal Sample* FirstSample;

    internal Totals Live;

    /// <summary>The most that was live at once, and the number of that moment: it grows with each new peak.</summary>
    internal Totals Peak;
    internal ulong PeakMoment;

    internal ulong LiveSamples;

    /// <summary>Samples whose stack had no room, which count for the entry <see cref="StackEnd.NoRoom"/>, and those that were not made at all.</summary>
    internal ulong MissedStacks;
    internal ulong MissedSamples;
}

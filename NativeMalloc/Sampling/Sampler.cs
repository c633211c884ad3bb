using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>Which allocations are samples, and what is known of them.</summary>
internal static unsafe class Sampler
{
    private static Apart<SamplerControl> s_control;
    private static Apart<SamplerState> s_state;

    internal static SamplerControl* Control => (SamplerControl*)Unsafe.AsPointer(ref s_control.Value);

    internal static SamplerState* State => (SamplerState*)Unsafe.AsPointer(ref s_state.Value);

    internal static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_state.Value.Lock);

    internal static bool IsOn => Volatile.Read(ref Control->Mean) != 0 && (Control->Until == 0 || Clock.Milliseconds < Control->Until);

    internal static ulong MissedStacks => State->MissedStacks;

    internal static ulong MissedSamples => State->MissedSamples;

    internal static Totals LiveTotals => State->Live;

    internal static Totals PeakTotals => State->Peak;

    /// <summary>From now on there is a sample every so many bytes; each thread sees that at its next look at the clock.</summary>
    internal static void Start(ulong mean)
    {
        Control->Until = 0;
        Control->Mean = mean;
    }

    /// <summary>No new samples. Those that there are stay until they are freed.</summary>
    internal static void Stop() => Control->Mean = 0;

    /// <summary>Forgets what was allocated so far, and the peak; what is live stays. The lock is held.</summary>
    internal static void Reset()
    {
        SamplerState* state = State;
        for (CallStack* stack = NextStack(null); stack != null; stack = NextStack(stack))
        {
            stack->Allocated = default;
            stack->AllocatedSamples = 0;
        }

        state->MissedStacks = 0;
        state->MissedSamples = 0;
        state->Peak = state->Live;
        state->PeakMoment++;
    }

    /// <summary>Goes through the stacks, in the order in which they came: the first for null, null after the last. The lock is held.</summary>
    internal static CallStack* NextStack(CallStack* after) => after == null ? State->FirstStack : after->Later;

    /// <summary>Goes through the samples that are live: the first for null, null after the last. The lock is held.</summary>
    internal static Sample* NextSample(Sample* after)
    {
        Sample* sample = after == null ? State->FirstSample : after + 1;
        while (sample != null && sample->Address <= Sample.Link)
        {
            sample = sample->Address == Sample.Link ? sample->Next : sample + 1;
        }

        return sample;
    }
}

using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>When a process writes a profile by itself, if NATIVEMALLOC_PROFILE asks for that.</summary>
internal static unsafe class ProfileOccasions
{
    private static int s_processId;
    private static int s_aboveSoftLimit;
    private static int s_noMemoryIn;

    /// <summary>At the process's start.</summary>
    internal static void Begin()
    {
        if (Options.Sample != 0)
        {
            OwnProfile.Begin();
            OwnProfile.Note(Options.Sample);
        }

        if (Options.Profile)
        {
            s_processId = Os.ProcessId();
            ProfileScratch.Keep();
        }
    }

    /// <summary>Samples are taken from now on; if none ever were, what was allocated is counted from now on, too.</summary>
    internal static void StartSampling(ulong mean)
    {
        if (OwnProfile.Duration == 0)
        {
            OwnProfile.Begin();
        }

        OwnProfile.Note(mean);
        Sampler.Start(mean);
    }

    internal static void AtExit()
    {
        if (Options.Profile)
        {
            Write(ProfileOccasion.Exit, Os.ProcessId());
        }
    }

    /// <summary>A profile, if the heap is above the soft limit and was not before. On a slow path, with no lock held.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void WatchSoftLimit()
    {
        if (Heap.Pages->IsAboveSoftLimit && Interlocked.Exchange(ref s_aboveSoftLimit, 1) == 0)
        {
            uint programs = FloatingPoint.Begin();
            HeldBytes.CountOnSlowPath();
            FloatingPoint.End(programs);
            Write(ProfileOccasion.SoftLimit, Os.ProcessId());
        }
    }

    /// <summary>A period has ended: if the heap is below the soft limit by now, the next time above it is another.</summary>
    internal static void EndPeriod()
    {
        if (Options.Profile && !Heap.Pages->IsAboveSoftLimit)
        {
            Volatile.Write(ref s_aboveSoftLimit, 0);
        }
    }

    /// <summary>An allocation is about to fail: a profile, if it is the process's first. Not for a signal handler that interrupted the allocator.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void NoMemory(ThreadState* thread)
    {
        if (thread->OnSlowPath != 0)
        {
            return;
        }

        int processId = Os.ProcessId(); // a forked child's first is another
        if (Interlocked.Exchange(ref s_noMemoryIn, processId) != processId)
        {
            Write(ProfileOccasion.NoMemory, processId);
        }
    }

    private static void Write(ProfileOccasion occasion, int processId) =>
        ProfileFile.WriteAsked(occasion, processId, forked: processId != s_processId);
}

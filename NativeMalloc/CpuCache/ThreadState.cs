#pragma warning disable CS0649 // the shim assigns some fields

namespace NativeMalloc;

/// <summary>
/// What the library keeps for each thread, in initial-exec TLS. The assembly knows the fields down to <see cref="Detached"/>: the shim's
/// "layout.h" has their offsets.
/// </summary>
internal unsafe struct ThreadState
{
    /// <summary>
    /// The slabs by index, as distances from the sentinel slab. At first, and whenever this thread must take the slow path, the
    /// sentinel's table; else the table of the CPUs, or this thread's own.
    /// </summary>
    internal nint* Table;

    /// <summary>Bytes that are left until this thread looks at the clock; below zero, it is to do so (<see cref="AllocationClock"/>).</summary>
    internal long Countdown;

    /// <summary>Takes the sequences' announcements where the process has no rseq.</summary>
    internal ulong UnusedRseqCs;

    /// <summary>Zero: the index where there is only one.</summary>
    internal int NoIndex;

    /// <summary>Not zero: this thread must keep the sentinel's table, because it is ending or is a vfork child.</summary>
    internal int Detached;

    /// <summary>This thread's own slab, in per-thread mode, or where this thread cannot have the CPUs'.</summary>
    internal Slab* Slab;

    /// <summary>So many bytes the countdown was to last, and when it was set, by <see cref="Clock"/>.</summary>
    internal long Distance;
    internal long LastLook;

    /// <summary>What this thread has to undo when it ends.</summary>
    internal RseqUse Rseq;

    /// <summary>Not 0: this thread is on a slow path, and may hold locks (see <see cref="SlowPath"/>).</summary>
    internal int OnSlowPath;

    /// <summary>The small block that realloc made larger last; it may be freed by now.</summary>
    internal void* Grown;

    /// <summary>Where this thread stands among the <see cref="Insiders"/>, or last stood.</summary>
    internal nint* Entry;

    /// <summary>
    /// Bytes from where the countdown was set until this thread's next sample; none or fewer: it is due (<see cref="Sampler"/>). Without end where
    /// no samples are taken.
    /// </summary>
    internal long UntilSample;

    /// <summary>The mean that this was drawn with, 0 for none, and the generator of random numbers.</summary>
    internal ulong SampleMean;
    internal ulong Random;

    /// <summary>A misuse that this thread is to tell of when it leaves its slow path.</summary>
    internal Finding Finding;
}

/// <summary>How a thread takes part in an rseq area that it may share with others.</summary>
[System.Flags]
internal enum RseqUse
{
    None = 0,

    /// <summary>This library registered the area, or shares it with others who count: the last one out unregisters it.</summary>
    MayUnregister = 1,

    /// <summary>It is one of those that __rseq_refcount counts.</summary>
    Counted = 2,
}

#pragma warning disable CS0649 // the shim assigns some fields

namespace NativeMalloc;

/// <summary>
/// What the library keeps for each thread, in initial-exec TLS. The sequences read the first three fields; ShimLayout.h
/// of the shim ("layout.h") has their offsets.
/// </summary>
internal unsafe struct ThreadState
{
    /// <summary>
    /// The slabs by index, as distances from the sentinel slab. At first, and whenever this thread must take the slow path, the
    /// sentinel's table; else the table of the CPUs, or this thread's own.
    /// </summary>
    internal nint* Table;

    /// <summary>Takes the sequences' announcements where the process has no rseq.</summary>
    internal ulong UnusedRseqCs;

    /// <summary>Zero: the index where there is only one.</summary>
    internal int NoIndex;

    /// <summary>Not zero: this thread must keep the sentinel's table, because it is ending or is a vfork child.</summary>
    internal int Detached;

    /// <summary>In per-thread mode, this thread's slab.</summary>
    internal Slab* Slab;
}

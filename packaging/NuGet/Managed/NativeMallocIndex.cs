namespace NativeMalloc;

/// <summary>Which number tells the cache that a thread allocates from.</summary>
public enum NativeMallocIndex
{
    /// <summary>The thread's own.</summary>
    Thread = 0,

    /// <summary>That of the CPU.</summary>
    CpuId = 1,

    /// <summary>The kernel's dense number of the CPU for this process.</summary>
    MmCid = 2,
}

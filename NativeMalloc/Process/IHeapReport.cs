namespace NativeMalloc;

/// <summary>
/// What reports are written from: by this process of itself (<see cref="OwnReport"/>), and by the command of another process, or of what one wrote.
/// </summary>
internal unsafe interface IHeapReport
{
    static abstract HeapTraits Traits { get; }

    static abstract HeapStatistics Gather();

    /// <summary>What one class has, for itself.</summary>
    static abstract ClassStatistics GatherClass(nuint sizeClass);

    /// <summary>Of the first huge page from an address on, which becomes its start: pages that are used and released. False if there is none.</summary>
    static abstract bool NextHugePage(ref nuint address, out int used, out int released);
}

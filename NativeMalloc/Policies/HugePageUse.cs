namespace NativeMalloc;

/// <summary>From which sizes of a heap on huge pages are worth it, and what may be kept small amid them.</summary>
internal static class HugePageUse
{
    /// <summary>
    /// A huge page is all there with its first byte, and takes some time to fill: so it is not to be more than this part of the heap. In a smaller
    /// one small pages are few faults, and fit in the processor's translation caches.
    /// </summary>
    private const nuint FillingFraction = 4;

    /// <summary>
    /// Most huge pages that the kernel is advised to keep small amid others. Each may add two mappings: an eighth of the 65,530 that a process has
    /// (vm.max_map_count).
    /// </summary>
    private const long MostKeptSmall = 4096;

    /// <summary>Whether a heap of so many bytes is to be of small pages.</summary>
    internal static bool IsSmall(nuint bytes) => bytes <= FillingFraction << PageMap.HugePageShift;

    /// <summary>Whether one huge page more may be kept small, where so many are.</summary>
    internal static bool MayKeepSmall(long kept) => kept < MostKeptSmall;
}

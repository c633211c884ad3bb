namespace NativeMalloc;

/// <summary>From which sizes of a heap on huge pages are worth it, and what may be kept small amid them.</summary>
internal static class HugePageUse
{
    /// <summary>
    /// Bytes in use up to which memory is to be of small pages: they fit in the processor's translation caches well enough, and a small heap
    /// would be larger by the unused part of each huge page.
    /// </summary>
    private const nuint SmallUpTo = 64 << 20;

    /// <summary>
    /// Bytes in spans of small objects beyond which huge pages are asked for, for more of them, where the kernel does not make them by itself.
    /// For memory that is advised so it looks for room at the fault, which made building a list of 400 MiB take twice as long, while walking it
    /// took two thirds.
    /// </summary>
    private const nuint HugeFrom = 512 << 20;

    /// <summary>
    /// Most huge pages that the kernel is advised to keep small amid others. Each may add two mappings: an eighth of the 65,530 that a process has
    /// (vm.max_map_count).
    /// </summary>
    private const long MostKeptSmall = 4096;

    /// <summary>Whether so many bytes are to be of small pages.</summary>
    internal static bool IsSmall(nuint bytes) => bytes <= SmallUpTo;

    /// <summary>Whether memory for more of so many bytes of small objects is to be of huge pages.</summary>
    internal static bool AsksForHuge(nuint objectBytes) => objectBytes > HugeFrom;

    /// <summary>Whether one huge page more may be kept small, where so many are.</summary>
    internal static bool MayKeepSmall(long kept) => kept < MostKeptSmall;
}

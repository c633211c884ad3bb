namespace NativeMalloc;

/// <summary>
/// What the kernel is advised on huge pages (its admin-guide, "Transparent Hugepage Support"). Whether it heeds that depends on its mode,
/// which may change at any time and would cost a file to read at each start: so the same is said in all modes.
/// </summary>
internal static unsafe class HugePageAdvice
{
    /// <summary>
    /// Bytes of heap that are to be of small pages: fewer fit in the processor's translation caches well enough, and a small heap would be
    /// larger by the unused part of each huge page.
    /// </summary>
    private const nuint SmallUpTo = 64 << 20;

    /// <summary>
    /// Bytes of heap beyond which huge pages are asked for where the kernel does not make them by itself. For memory that is advised so
    /// it looks for room at the fault, which made building a list of 400 MiB take twice as long, while walking it took two thirds.
    /// </summary>
    private const nuint HugeFrom = 512 << 20;

    /// <summary>
    /// Most huge pages that the kernel is advised to keep small: so many, and one for so many backed pages (32 MiB). Each may add two
    /// mappings, of which a process has 65,530 (vm.max_map_count).
    /// </summary>
    private const nint MostKeptSmall = 400;
    private const nint BackedForKeptSmall = (32 << 20) >> PageMap.PageShift;

    /// <summary>Whether a heap of so many bytes is of small pages.</summary>
    internal static bool IsSmall(nuint heap) => heap <= SmallUpTo;

    /// <summary>On a new mapping, which brings the heap to so many bytes. False if it is to stay of small pages.</summary>
    internal static bool OnMapped(byte* start, nuint bytes, nuint heap)
    {
        if (IsSmall(heap))
        {
            Os.AdviseHuge(start, bytes, huge: false);
            return false;
        }

        if (heap > HugeFrom)
        {
            Os.AdviseHuge(start, bytes, huge: true);
        }

        return true;
    }

    /// <summary>On huge pages of a heap of so many bytes that were mapped anew: they are to become one mapping with those beside them.</summary>
    internal static void OnMappedAnew(byte* start, nuint bytes, nuint heap)
    {
        if (PageMap.HugePageOf((nuint)start)->MayBeHuge)
        {
            OnMapped(start, bytes, heap);
        }
        else
        {
            Os.AdviseHuge(start, bytes, huge: false);
        }
    }

    /// <summary>
    /// After pages of a huge page went back, which are in use meanwhile. The kernel would fill it again, when it next looks for memory to
    /// make huge pages of (khugepaged), if others of its pages are in use; what is empty may be huge again. Returns the change in the
    /// count of huge pages that are kept small.
    /// </summary>
    internal static nint OnReleased(HugePage* hugePage, int count, long keptSmall, nint backedPages)
    {
        bool small = hugePage->UsedPages > count;
        if (!hugePage->MayBeHuge || hugePage->KeptSmall == small || (small && keptSmall >= MostKeptSmall + backedPages / BackedForKeptSmall))
        {
            return 0;
        }

        hugePage->KeptSmall = small;
        Os.AdviseHuge((byte*)hugePage->Start, PageMap.HugePageSize, !small);
        return small ? 1 : -1;
    }
}

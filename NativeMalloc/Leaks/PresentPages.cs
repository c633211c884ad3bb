using System;

namespace NativeMalloc;

/// <summary>
/// Which of the process's pages hold something that it wrote: /proc/thread-self/pagemap knows, also of pages that are swapped out. Others read as
/// zero or as a file, and there may be terabytes of them.
/// </summary>
internal unsafe struct PresentPages
{
    private const ulong Present = 1UL << 63;
    private const ulong Swapped = 1UL << 62;
    private const ulong OfFile = 1UL << 61; // or shared
    private const int Pages = 64;

    private int _file;
    private ulong* _entries;

    internal static nuint BytesNeeded() => SearchMemory.Rounded(Pages * sizeof(ulong));

    /// <summary>The kernel tells.</summary>
    internal bool AreKnown { get; private set; }

    internal void Open(ref SearchMemory memory)
    {
        _entries = (ulong*)memory.Take(Pages * sizeof(ulong));
        _file = Os.OpenForReading(Literal.Pointer("/proc/thread-self/pagemap"u8));
        AreKnown = _file >= 0;
    }

    internal readonly void Close()
    {
        if (AreKnown)
        {
            Os.Close(_file);
        }
    }

    /// <summary>
    /// Of the pages from a start to an end, in one row of 64 that begins at a multiple of 64, those that hold something: a bit each, by their numbers
    /// modulo 64. All, where the kernel does not tell. "shared": those of a file count, too.
    /// </summary>
    internal readonly ulong Of(nuint start, nuint end, bool shared = false)
    {
        int first = (int)(start / KernelPage.Size % Pages);
        int count = (int)((end - 1) / KernelPage.Size - start / KernelPage.Size) + 1;
        ulong all = Bits.Mask(first, first + count);
        nint bytes = AreKnown ? Os.ReadAt(_file, (byte*)_entries, count * sizeof(ulong), (nint)(start / KernelPage.Size * sizeof(ulong))) : -1;
        if (bytes <= 0)
        {
            return all;
        }

        ulong pages = 0;
        for (int page = 0; page < (int)bytes / sizeof(ulong); page++)
        {
            ulong entry = _entries[page];
            if ((entry & (Present | Swapped)) != 0 && (shared || (entry & OfFile) == 0))
            {
                pages |= 1UL << (first + page);
            }
        }

        return pages;
    }
}

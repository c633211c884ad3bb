using System;

namespace NativeMalloc;

/// <summary>
/// What /proc/PID/smaps calls the library's mappings (Linux 5.17): only where NATIVEMALLOC_NAMES asks for it, since it takes a system call for each that a
/// sandbox may kill for. What lies beside each other has the same name, or the kernel would not make one mapping of it.
/// </summary>
internal static unsafe class MappingNames
{
    private static bool s_refused;

    /// <summary>Of blocks, and of pages that are free.</summary>
    internal static ReadOnlySpan<byte> Heap => "nativemalloc-heap"u8;

    /// <summary>Of the allocator's own structures.</summary>
    internal static ReadOnlySpan<byte> Structures => "nativemalloc-structures"u8;

    /// <summary>Of the caches of CPUs.</summary>
    internal static ReadOnlySpan<byte> Slabs => "nativemalloc-slabs"u8;

    /// <summary>Names what was mapped just now.</summary>
    internal static void Give(byte* start, nuint bytes, ReadOnlySpan<byte> name)
    {
        if (!Options.Names || s_refused || start == null)
        {
            return;
        }

        // A name more may be a mapping too many: the next need not be.
        int error = Os.Name(start, bytes, Literal.Pointer(name));
        s_refused = error != 0 && error != -Errno.NoMemory;
    }

    /// <summary>Names what was mapped before the options were read.</summary>
    internal static void GiveToAll()
    {
        nuint start = 0;
        while (PageMap.NextHugePage(ref start) != null)
        {
            Give((byte*)start, PageMap.HugePageSize, Heap);
            start += PageMap.HugePageSize;
        }

        for (MetadataMapping* mapping = Metadata.Mappings; mapping != null; mapping = mapping->Next)
        {
            Give(mapping->Start, mapping->Bytes, Structures);
        }
    }
}

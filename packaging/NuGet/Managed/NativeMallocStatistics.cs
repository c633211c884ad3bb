using System.Runtime.InteropServices;
using System.Text;

namespace NativeMalloc;

/// <summary>Where the memory of the native heap is: the structure of nativemalloc.h. Amounts are in bytes.</summary>
/// <remarks>
/// While other threads allocate, the numbers are near the truth. They always add up: <see cref="MappedBytes"/> is the sum of <see cref="InUseBytes"/>,
/// <see cref="FrontEndCachedBytes"/>, <see cref="TransferCachedBytes"/>, <see cref="CentralFreeBytes"/>, <see cref="SpanTailBytes"/>,
/// <see cref="PageHeapFreeBytes"/>, <see cref="ReleasedBytes"/> and <see cref="MetadataBytes"/>. What a library of an earlier version does not know is 0.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public readonly unsafe struct NativeMallocStatistics
{
    private readonly ulong _size;
    private readonly ulong _active, _frontEnd, _rseq, _index;
    private readonly ulong _inUse, _inUseLarge, _frontEndCached, _transferCached, _centralFree, _spanTails, _pageHeapFree, _released, _metadata, _mapped;
    private readonly ulong _slabs, _slabsMade, _slowAllocations, _slowFrees;
    private readonly ulong _internalWaste, _metadataTouched, _releasedInSpans;
    private readonly ulong _allocated;

    private NativeMallocStatistics(int size) => _size = (ulong)size;

    /// <summary>Whether the process's malloc is NativeMalloc's; false where the library is not there, or the program brings its own malloc.</summary>
    public bool IsActive => _active != 0;

    /// <summary>Which caches there are in front.</summary>
    public NativeMallocFrontEnd FrontEnd => (NativeMallocFrontEnd)_frontEnd;

    /// <summary>Whose restartable sequences keep the caches of CPUs consistent.</summary>
    public NativeMallocRseq Rseq => (NativeMallocRseq)_rseq;

    /// <summary>Which number tells a thread's cache.</summary>
    public NativeMallocIndex Index => (NativeMallocIndex)_index;

    /// <summary>Bytes in blocks that the program has, as they were rounded up.</summary>
    public long InUseBytes => (long)_inUse;

    /// <summary>Bytes of <see cref="InUseBytes"/> that are in blocks above 256 KiB.</summary>
    public long InUseLargeBytes => (long)_inUseLarge;

    /// <summary>Bytes of <see cref="InUseBytes"/> that rounding up sizes has added; an estimate.</summary>
    public long InternalWasteBytes => (long)_internalWaste;

    /// <summary>Bytes that are free and at hand for a CPU or a thread.</summary>
    public long FrontEndCachedBytes => (long)_frontEndCached;

    /// <summary>Bytes that are free and on the way between CPUs or threads.</summary>
    public long TransferCachedBytes => (long)_transferCached;

    /// <summary>Bytes of free objects between objects in use, as far as they hold memory.</summary>
    public long CentralFreeBytes => (long)_centralFree;

    /// <summary>Bytes lost behind the last object of each span.</summary>
    public long SpanTailBytes => (long)_spanTails;

    /// <summary>Bytes of free pages that hold memory.</summary>
    public long PageHeapFreeBytes => (long)_pageHeapFree;

    /// <summary>Bytes of address space whose memory the kernel has back.</summary>
    public long ReleasedBytes => (long)_released;

    /// <summary>Bytes of <see cref="ReleasedBytes"/> that lie between objects in use.</summary>
    public long ReleasedInSpansBytes => (long)_releasedInSpans;

    /// <summary>Bytes of address space for the library's own structures, of which not all is touched.</summary>
    public long MetadataBytes => (long)_metadata;

    /// <summary>Bytes of <see cref="MetadataBytes"/> that hold memory.</summary>
    public long MetadataTouchedBytes => (long)_metadataTouched;

    /// <summary>Bytes of all address space that the library has.</summary>
    public long MappedBytes => (long)_mapped;

    /// <summary>Bytes asked for since the start, but for the last 1,024 allocations of each thread, or some of these.</summary>
    public long AllocatedBytes => (long)_allocated;

    /// <summary>How many caches of CPUs or threads are in use.</summary>
    public long SlabCount => (long)_slabs;

    /// <summary>How many caches of CPUs or threads were ever made.</summary>
    public long SlabMadeCount => (long)_slabsMade;

    /// <summary>How many allocations found their cache empty.</summary>
    public long SlowAllocationCount => (long)_slowAllocations;

    /// <summary>How many frees found their cache full.</summary>
    public long SlowFreeCount => (long)_slowFrees;

    /// <summary>What the numbers are now. Allocates nothing.</summary>
    /// <returns>The numbers; all of them 0 where the library is not there.</returns>
    public static NativeMallocStatistics Read()
    {
        if (Exports.GetStatistics != null)
        {
            NativeMallocStatistics statistics = new(sizeof(NativeMallocStatistics));
            if (Exports.GetStatistics(&statistics) == 0)
            {
                return statistics;
            }
        }

        return default;
    }

    /// <summary>The same and more, by size classes and by huge pages, as the JSON that <c>NATIVEMALLOC_STATS=json:PATH</c> writes.</summary>
    /// <returns>One JSON object, of 30,000 characters or more; null where the library is not there.</returns>
    public static string? ReadJson()
    {
        if (Exports.StatisticsJson == null)
        {
            return null;
        }

        // Its length changes with the numbers.
        for (byte[] buffer = new byte[64 << 10]; ;)
        {
            int length;
            fixed (byte* start = buffer)
            {
                length = Exports.StatisticsJson(start, (nuint)buffer.Length);
            }

            if (length < buffer.Length)
            {
                return length < 0 ? null : Encoding.UTF8.GetString(buffer, 0, length);
            }

            buffer = new byte[length + length / 8];
        }
    }
}

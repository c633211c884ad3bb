using System;
using System.Linq;

namespace NativeMalloc;

/// <summary>
/// A reserved part of the address space from which <see cref="Os"/> maps. Every test has its own: two page heaps must never
/// be neighbours, because free huge pages merge by their addresses; and the layout is the same in every run.
/// </summary>
internal sealed unsafe class AddressSpace
{
    internal const nuint SystemPage = 4096;

    private static readonly nuint s_reserved = (nuint)64 << 30;
    private static readonly nuint s_heapPart = (nuint)56 << 30;

    private readonly nuint _heapEnd;
    private readonly nuint _otherEnd;
    private nuint _otherNext;

    // What is free of the heap's part, up to its end.
    private readonly AddressRanges _gaps = new();

    internal AddressSpace()
    {
        byte* start = LibC.Map(null, s_reserved, LibC.ProtNone, LibC.MapPrivateAnonymous | LibC.MapNoReserve, -1, 0);
        if (start == LibC.MapFailed)
        {
            throw new OutOfMemoryException("no address space to test in");
        }

        // A huge page stays free at the start, as a gap to whatever lies before.
        HeapStart = RoundUp((nuint)start, PageMap.HugePageSize) + PageMap.HugePageSize;
        _heapEnd = (nuint)start + s_heapPart;
        _gaps.Add(HeapStart, _heapEnd);
        _otherNext = _heapEnd + PageMap.HugePageSize;
        _otherEnd = (nuint)start + s_reserved - PageMap.HugePageSize;
    }

    /// <summary>Where mappings of a huge page and more lie: from here to <see cref="HeapEnd"/>.</summary>
    internal nuint HeapStart { get; }

    internal nuint HeapEnd => _gaps.All.LastOrDefault() is var last && last.Value == _heapEnd ? last.Key : _heapEnd;

    /// <summary>Pages that there can be from <see cref="HeapStart"/> on.</summary>
    internal nuint HeapPages => (_heapEnd - HeapStart) / PageMap.PageSize;

    /// <summary>As kernels before 6.7: large mappings do not begin at a huge page.</summary>
    internal bool Misaligned { get; set; }

    /// <summary>
    /// Room for a mapping, or 0. As the kernel does, one of the heap's takes the first gap that it fits into. It has a guard and so is no number of
    /// pages, as metadata is, which lies elsewhere: how large its chunks are, and when one is needed, depends on the tests that were before.
    /// </summary>
    internal nuint Take(nuint bytes)
    {
        bytes = RoundUp(bytes, SystemPage);
        if (bytes < PageMap.HugePageSize || bytes % PageMap.PageSize == 0)
        {
            return TakeOther(bytes);
        }

        foreach ((nuint gap, nuint end) in _gaps.All)
        {
            nuint start = Place(gap);
            if (start < end && bytes <= end - start)
            {
                _gaps.Remove(start, start + bytes);
                return start;
            }
        }

        return 0;
    }

    /// <summary>Takes a place in the heap's part; false if not all of it is free.</summary>
    internal bool TakeAt(nuint start, nuint bytes)
    {
        bool free = _gaps.Contains(start, start + bytes);
        if (free)
        {
            _gaps.Remove(start, start + bytes);
        }

        return free;
    }

    /// <summary>Whether all of it is in the heap's part, and nobody's.</summary>
    internal bool IsFree(nuint start, nuint bytes) => _gaps.Contains(start, start + bytes);

    internal void Give(nuint start, nuint bytes)
    {
        nuint end = start + RoundUp(bytes, SystemPage);
        if (start >= HeapStart && end <= _heapEnd)
        {
            _gaps.Add(start, end);
        }
    }

    internal static nuint RoundUp(nuint value, nuint unit) => (value + unit - 1) / unit * unit;

    // Where a mapping at or behind an address begins.
    private nuint Place(nuint start) =>
        Misaligned ? RoundUp(start - SystemPage, PageMap.HugePageSize) + SystemPage : RoundUp(start, PageMap.HugePageSize);

    private nuint TakeOther(nuint bytes)
    {
        if (bytes > _otherEnd - _otherNext)
        {
            return 0;
        }

        nuint start = _otherNext;
        _otherNext += bytes;
        return start;
    }
}

using System;

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
    private nuint _heapNext;
    private nuint _otherNext;

    internal AddressSpace()
    {
        byte* start = LibC.Map(null, s_reserved, LibC.ProtNone, LibC.MapPrivateAnonymous | LibC.MapNoReserve, -1, 0);
        if (start == LibC.MapFailed)
        {
            throw new OutOfMemoryException("no address space to test in");
        }

        // A huge page stays free at the start, as a gap to whatever lies before.
        _heapNext = RoundUp((nuint)start, PageMap.HugePageSize) + PageMap.HugePageSize;
        HeapStart = _heapNext;
        _heapEnd = (nuint)start + s_heapPart;
        _otherNext = _heapEnd + PageMap.HugePageSize;
        _otherEnd = (nuint)start + s_reserved - PageMap.HugePageSize;
    }

    /// <summary>Where mappings of a huge page and more lie, one behind the other.</summary>
    internal nuint HeapStart { get; }

    internal nuint HeapEnd => _heapNext;

    /// <summary>Pages that there can be from <see cref="HeapStart"/> on.</summary>
    internal nuint HeapPages => (_heapEnd - HeapStart) / PageMap.PageSize;

    /// <summary>As kernels before 6.7: large mappings do not begin at a huge page.</summary>
    internal bool Misaligned { get; set; }

    /// <summary>Room for a mapping, or 0.</summary>
    internal nuint Take(nuint bytes)
    {
        bytes = RoundUp(bytes, SystemPage);
        if (bytes < PageMap.HugePageSize)
        {
            return Take(ref _otherNext, _otherEnd, bytes);
        }

        bool aligned = _heapNext % PageMap.HugePageSize == 0;
        if (Misaligned && aligned)
        {
            _heapNext += SystemPage;
        }
        else if (!Misaligned && !aligned)
        {
            _heapNext = RoundUp(_heapNext, PageMap.HugePageSize);
        }

        return Take(ref _heapNext, _heapEnd, bytes);
    }

    internal void Give(nuint start, nuint bytes)
    {
        if (start + RoundUp(bytes, SystemPage) == _heapNext)
        {
            _heapNext = start;
        }
    }

    internal static nuint RoundUp(nuint value, nuint unit) => (value + unit - 1) / unit * unit;

    private static nuint Take(ref nuint next, nuint end, nuint bytes)
    {
        if (bytes > end - next)
        {
            return 0;
        }

        nuint start = next;
        next += bytes;
        return start;
    }
}

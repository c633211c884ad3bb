namespace NativeMalloc;

/// <summary>
/// The heap's address space, in rows of whole huge pages. Before and behind each row lies a page that nobody can touch: who writes beyond the
/// last block, or before the first, meets neither the allocator's own structures nor anybody's memory. Where there may be no more mappings,
/// that page can be touched, and is nobody's. Under the lock that growth is under.
/// </summary>
internal unsafe struct HeapMappings
{
    private const nuint GuardBytes = KernelPage.Size;

    // The row that was mapped or grew last, if its ends are still there.
    private nuint _start;
    private nuint _end;

    /// <summary>Addresses that it takes at most to map so many.</summary>
    internal static nuint RoomFor(nuint bytes) => bytes + PageMap.HugePageSize + GuardBytes;

    /// <summary>Memory in whole huge pages, next to the last row if that can be; null if there is none.</summary>
    internal byte* Map(nuint bytes)
    {
        // The old guard becomes heap, and the outermost page the new one. (The kernel maps from the top down.)
        nuint below = _start - GuardBytes - bytes;
        if (_start > bytes + GuardBytes && TryExtend(below, bytes, _start - GuardBytes, below))
        {
            _start -= bytes;
            MappingNames.Give((byte*)_start, bytes, MappingNames.Heap);
            return (byte*)_start;
        }

        if (_start != 0 && TryExtend(_end + GuardBytes, bytes, _end, _end + bytes))
        {
            _end += bytes;
            MappingNames.Give((byte*)_end - bytes, bytes, MappingNames.Heap);
            return (byte*)_end - bytes;
        }

        return MapApart(bytes);
    }

    /// <summary>
    /// Unmaps whole huge pages, and leaves guards to what is heap beside them. False if the kernel refused: it would be one mapping too many.
    /// </summary>
    internal bool Unmap(nuint start, nuint bytes)
    {
        nuint end = start + bytes;
        bool below = PageMap.HugePageOf(start - PageMap.HugePageSize) != null;
        bool above = PageMap.HugePageOf(end) != null;
        nuint first = below ? start + GuardBytes : start - GuardBytes;
        nuint last = above ? end - GuardBytes : end + GuardBytes;
        if (!Os.Unmap((byte*)first, last - first))
        {
            return false;
        }

        bool closed = (!below || Os.Withdraw((byte*)start, GuardBytes)) & (!above || Os.Withdraw((byte*)last, GuardBytes));
        _start = _start == start ? above ? end : 0 : _start;
        _end = _end == end ? below ? start : 0 : _end;
        if (!closed || _start == 0 || _end == 0) // what is no guard may hold something, and must not be opened as one
        {
            _start = _end = 0;
        }

        return true;
    }

    // By what lies behind a guard, which is opened.
    private static bool TryExtend(nuint start, nuint bytes, nuint guard, nuint newGuard)
    {
        if (!Os.MapAt((byte*)start, bytes))
        {
            return false;
        }

        if (!Os.Enable((byte*)guard, GuardBytes))
        {
            Os.Unmap((byte*)start, bytes);
            return false;
        }

        Os.Withdraw((byte*)newGuard, GuardBytes);
        return true;
    }

    private byte* MapApart(nuint bytes)
    {
        const nuint Mask = PageMap.HugePageSize - 1;
        byte* mapped = Os.Map(RoomFor(bytes));
        if (mapped == null)
        {
            return null;
        }

        byte* start = (byte*)(((nuint)mapped + GuardBytes + Mask) & ~Mask);
        nuint head = (nuint)(start - mapped) - GuardBytes;
        nuint tail = PageMap.HugePageSize - GuardBytes - head;
        if (head > 0)
        {
            Os.Unmap(mapped, head);
        }

        if (tail > 0)
        {
            Os.Unmap(start + bytes + GuardBytes, tail);
        }

        Os.Withdraw(start - GuardBytes, GuardBytes);
        Os.Withdraw(start + bytes, GuardBytes);
        MappingNames.Give(start, bytes, MappingNames.Heap);
        _start = (nuint)start;
        _end = _start + bytes;
        return start;
    }
}

namespace NativeMalloc;

/// <summary>
/// The heap's address space, in rows of whole huge pages. Before and behind each row lies a page that nobody can touch: who writes beyond the
/// last block, or before the first, meets neither the allocator's own structures nor anybody's memory. Under the lock that growth is under.
/// </summary>
internal unsafe struct HeapMappings
{
    private const nuint GuardBytes = 4096;

    // The row that was mapped or grew last, if its ends are still there.
    private nuint _start;
    private nuint _end;

    /// <summary>The row that was mapped or grew last. While nothing was unmapped, all of it is heap.</summary>
    internal readonly void GetRow(out nuint start, out nuint end)
    {
        start = _start;
        end = _end;
    }

    /// <summary>Addresses that it takes at most to map so many.</summary>
    internal static nuint RoomFor(nuint bytes) => bytes + PageMap.HugePageSize + GuardBytes;

    /// <summary>Memory in whole huge pages, next to the last row if that can be; null if there is none.</summary>
    internal byte* Map(nuint bytes)
    {
        if (_start > bytes + GuardBytes && Os.ReserveAt((byte*)(_start - GuardBytes - bytes), bytes))
        {
            // The lowest page of what was reserved is the new guard, and the old one becomes heap. (The kernel maps from the top down.)
            return Extend(_start - bytes, bytes, _start - GuardBytes - bytes);
        }

        if (_start != 0 && Os.ReserveAt((byte*)(_end + GuardBytes), bytes))
        {
            return Extend(_end, bytes, _end + GuardBytes);
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

        // Where there may be no more mappings, what stays can be touched, and is nobody's.
        if (below)
        {
            Os.Withdraw((byte*)start, GuardBytes);
        }

        if (above)
        {
            Os.Withdraw((byte*)last, GuardBytes);
        }

        _start = _start == start ? above ? end : 0 : _start;
        _end = _end == end ? below ? start : 0 : _end;
        if (_start == 0 || _end == 0)
        {
            _start = _end = 0;
        }

        return true;
    }

    // From the row's end on, in what was reserved there and the guard up to now.
    private byte* Extend(nuint start, nuint bytes, nuint reserved)
    {
        if (!Os.Enable((byte*)start, bytes))
        {
            Os.Unmap((byte*)reserved, bytes);
            return null;
        }

        _start = start < _start ? start : _start;
        _end = start + bytes > _end ? start + bytes : _end;
        return (byte*)start;
    }

    private byte* MapApart(nuint bytes)
    {
        const nuint Mask = PageMap.HugePageSize - 1;
        byte* reserved = Os.Reserve(RoomFor(bytes));
        if (reserved == null)
        {
            return null;
        }

        byte* start = (byte*)(((nuint)reserved + GuardBytes + Mask) & ~Mask);
        nuint head = (nuint)(start - reserved) - GuardBytes;
        nuint tail = PageMap.HugePageSize - GuardBytes - head;
        if (head > 0)
        {
            Os.Unmap(reserved, head);
        }

        if (tail > 0)
        {
            Os.Unmap(start + bytes + GuardBytes, tail);
        }

        if (Os.Enable(start, bytes))
        {
            _start = (nuint)start;
            _end = _start + bytes;
            return start;
        }

        Os.Unmap(start - GuardBytes, bytes + 2 * GuardBytes);
        return null;
    }
}

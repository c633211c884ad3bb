namespace NativeMalloc;

/// <summary>
/// Ranges of addresses that are not searched for pointers to blocks: the heap itself, which is searched block by block, and what the allocator
/// notes of blocks.
/// </summary>
internal unsafe struct Exclusions
{
    private SortEntry* _ranges; // starts and ends
    private int _count;
    private int _room;

    internal static nuint BytesNeeded(int ranges) => SearchMemory.Rounded((nuint)(ranges * sizeof(SortEntry)));

    internal void Prepare(ref SearchMemory memory, int ranges)
    {
        _ranges = (SortEntry*)memory.Take((nuint)(ranges * sizeof(SortEntry)));
        _room = ranges;
    }

    internal void Add(nuint start, nuint end)
    {
        if (start < end && _count < _room)
        {
            _ranges[_count++] = new SortEntry { Key = start, Value = end };
        }
    }

    /// <summary>Orders them; none may be added afterwards.</summary>
    internal readonly void Sort() => SortEntries.Ascending(_ranges, _count);

    /// <summary>
    /// Of the range from a start to an end, the last part that is not excluded: "start" becomes its start, and "end" its end. False if there is
    /// none.
    /// </summary>
    internal readonly bool LastPart(ref nuint start, ref nuint end)
    {
        while (start < end)
        {
            int below = CountBelow(end);
            if (below == 0 || _ranges[below - 1].Value <= start)
            {
                return true;
            }

            if (_ranges[below - 1].Value < end)
            {
                start = (nuint)_ranges[below - 1].Value;
                return true;
            }

            end = (nuint)_ranges[below - 1].Key;
        }

        return false;
    }

    // Ranges that start below an address.
    private readonly int CountBelow(nuint address)
    {
        int low = 0;
        int high = _count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_ranges[middle].Key < address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}

using System;
using System.Collections.Generic;
using System.Linq;

namespace NativeMalloc;

/// <summary>A set of addresses, as ranges that do not touch.</summary>
internal sealed class AddressRanges
{
    private readonly SortedList<nuint, nuint> _ends = [];

    /// <summary>Starts and ends, ascending.</summary>
    internal IEnumerable<KeyValuePair<nuint, nuint>> All => _ends;

    internal bool Contains(nuint start, nuint end) => _ends.Any(range => range.Key <= start && end <= range.Value);

    internal void Add(nuint start, nuint end)
    {
        foreach ((nuint other, nuint otherEnd) in _ends.Where(range => range.Key <= end && start <= range.Value).ToArray())
        {
            _ends.Remove(other);
            start = Math.Min(start, other);
            end = Math.Max(end, otherEnd);
        }

        AddPart(start, end);
    }

    /// <summary>Returns how many were in the set.</summary>
    internal nuint Remove(nuint start, nuint end)
    {
        nuint removed = 0;
        foreach ((nuint other, nuint otherEnd) in _ends.Where(range => range.Key < end && start < range.Value).ToArray())
        {
            _ends.Remove(other);
            AddPart(other, start);
            AddPart(end, otherEnd);
            removed += Math.Min(end, otherEnd) - Math.Max(start, other);
        }

        return removed;
    }

    private void AddPart(nuint start, nuint end)
    {
        if (start < end)
        {
            _ends.Add(start, end);
        }
    }
}

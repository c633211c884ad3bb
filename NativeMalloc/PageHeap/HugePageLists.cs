using System.Numerics;

namespace NativeMalloc;

/// <summary>Where a huge page keeps its neighbours in a list.</summary>
internal unsafe interface IHugePageLinks
{
    static abstract ref HugePage* Next(HugePage* hugePage);

    static abstract ref HugePage* Previous(HugePage* hugePage);
}

/// <summary>
/// Huge pages in 256 lists, doubly linked, by a number of their owner's choice. Which of the lists have any is a set of bits, so that the
/// next one from a number on, and the last one, are found without a look at the others.
/// </summary>
internal unsafe struct HugePageLists<TLinks>
    where TLinks : IHugePageLinks
{
    internal const int Count = 256;

    private const int Words = Count / 64;

    private fixed ulong _heads[Count];
    private fixed ulong _nonEmpty[Words];

    /// <summary>The first huge page of a list, or null.</summary>
    internal readonly HugePage* First(int list) => (HugePage*)_heads[list];

    /// <summary>The first huge page of the first list from that one on that has any, or null.</summary>
    internal HugePage* FirstFrom(int list)
    {
        fixed (ulong* nonEmpty = _nonEmpty)
        {
            list = Bits.NextSet(nonEmpty, list, Count);
        }

        return list < Count ? First(list) : null;
    }

    /// <summary>The first huge page of the last list that has any, or null.</summary>
    internal readonly HugePage* Last()
    {
        for (int word = Words - 1; word >= 0; word--)
        {
            if (_nonEmpty[word] != 0)
            {
                return First(word * 64 + 63 - BitOperations.LeadingZeroCount(_nonEmpty[word]));
            }
        }

        return null;
    }

    internal void Add(int list, HugePage* hugePage)
    {
        HugePage* next = First(list);
        TLinks.Next(hugePage) = next;
        TLinks.Previous(hugePage) = null;
        if (next != null)
        {
            TLinks.Previous(next) = hugePage;
        }

        _heads[list] = (ulong)hugePage;
        _nonEmpty[list / 64] |= 1UL << list % 64;
    }

    internal void Remove(int list, HugePage* hugePage)
    {
        if (TLinks.Next(hugePage) != null)
        {
            TLinks.Previous(TLinks.Next(hugePage)) = TLinks.Previous(hugePage);
        }

        if (TLinks.Previous(hugePage) != null)
        {
            TLinks.Next(TLinks.Previous(hugePage)) = TLinks.Next(hugePage);
            return;
        }

        _heads[list] = (ulong)TLinks.Next(hugePage);
        if (_heads[list] == 0)
        {
            _nonEmpty[list / 64] &= ~(1UL << list % 64);
        }
    }
}

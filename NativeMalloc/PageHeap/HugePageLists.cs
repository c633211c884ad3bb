using System.Numerics;

namespace NativeMalloc;

/// <summary>
/// Huge pages in 256 lists, doubly linked, by a number of their owner's choice. Which of the lists have any is a set of bits, so that the
/// next one from a number on, and the last one, are found without a look at the others.
/// </summary>
internal unsafe struct HugePageLists
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
        hugePage->Next = next;
        hugePage->Previous = null;
        if (next != null)
        {
            next->Previous = hugePage;
        }

        _heads[list] = (ulong)hugePage;
        _nonEmpty[list / 64] |= 1UL << list % 64;
    }

    internal void Remove(int list, HugePage* hugePage)
    {
        if (hugePage->Next != null)
        {
            hugePage->Next->Previous = hugePage->Previous;
        }

        if (hugePage->Previous != null)
        {
            hugePage->Previous->Next = hugePage->Next;
            return;
        }

        _heads[list] = (ulong)hugePage->Next;
        if (_heads[list] == 0)
        {
            _nonEmpty[list / 64] &= ~(1UL << list % 64);
        }
    }
}

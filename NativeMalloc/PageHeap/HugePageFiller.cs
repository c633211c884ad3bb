using System.Numerics;

namespace NativeMalloc;

/// <summary>
/// The huge pages that have both used and unused pages, in lists by their longest free row. A span goes to the tightest
/// fit, which keeps the roomier huge pages on their way to empty (after tcmalloc's HugePageFiller).
/// </summary>
internal unsafe struct HugePageFiller
{
    private const int Lists = PageBits.Pages;

    private fixed ulong _heads[Lists];
    private fixed ulong _nonEmpty[Lists / 64];

    /// <summary>The huge page with the shortest free row of at least <paramref name="pages"/> pages, or null.</summary>
    internal HugePage* Find(int pages)
    {
        if (pages >= Lists)
        {
            return null;
        }

        ulong mask = ulong.MaxValue << (pages % 64);
        for (int word = pages / 64; word < Lists / 64; word++)
        {
            ulong lists = _nonEmpty[word] & mask;
            if (lists != 0)
            {
                return (HugePage*)_heads[word * 64 + BitOperations.TrailingZeroCount(lists)];
            }

            mask = ulong.MaxValue;
        }

        return null;
    }

    /// <summary>The first huge page of the list for a longest free row of that many pages, or null.</summary>
    internal readonly HugePage* First(int longestFree) => (HugePage*)_heads[longestFree];

    /// <summary>Enters a huge page that is in no list; one without a free page stays out.</summary>
    internal void Add(HugePage* hugePage)
    {
        int list = hugePage->MeasureLongestFree();
        hugePage->LongestFree = (short)list;
        if (list == 0)
        {
            return;
        }

        HugePageList.Add(ref _heads[list], hugePage);
        _nonEmpty[list / 64] |= 1UL << (list % 64);
    }

    internal void Remove(HugePage* hugePage)
    {
        int list = hugePage->LongestFree;
        if (list == 0)
        {
            return;
        }

        HugePageList.Remove(ref _heads[list], hugePage);
        if (_heads[list] == 0)
        {
            _nonEmpty[list / 64] &= ~(1UL << (list % 64));
        }

        hugePage->LongestFree = 0;
    }
}

namespace NativeMalloc;

/// <summary>
/// The huge pages that have both used and unused pages, in lists by their longest free row. A span goes to the tightest
/// fit, which keeps the roomier huge pages on their way to empty (after tcmalloc's HugePageFiller).
/// </summary>
internal unsafe struct HugePageFiller
{
    private HugePageLists<HugePage.Links> _lists;

    /// <summary>The huge page with the shortest free row of at least <paramref name="pages"/> pages, or null.</summary>
    internal HugePage* Find(int pages) => _lists.FirstFrom(pages);

    /// <summary>All of them one after the other: the first, after null; null, after the last.</summary>
    internal HugePage* After(HugePage* hugePage) =>
        hugePage == null ? _lists.FirstFrom(0) : hugePage->Next != null ? hugePage->Next : _lists.FirstFrom(hugePage->LongestFree + 1);

    /// <summary>The huge page with the longest free row, or null.</summary>
    internal readonly HugePage* Emptiest() => _lists.Last();

    /// <summary>Enters a huge page that is in no list; one without a free page stays out.</summary>
    internal void Add(HugePage* hugePage)
    {
        int list = hugePage->MeasureLongestFree();
        hugePage->LongestFree = (short)list;
        if (list > 0)
        {
            _lists.Add(list, hugePage);
        }
    }

    internal void Remove(HugePage* hugePage)
    {
        int list = hugePage->LongestFree;
        if (list > 0)
        {
            _lists.Remove(list, hugePage);
            hugePage->LongestFree = 0;
        }
    }
}

namespace NativeMalloc;

/// <summary>
/// The rows of pages that the kernel is taking back at the moment, each for a thread that waits for it without a lock. So a fork need not
/// wait for them: the child finds them here.
/// </summary>
internal unsafe struct LeavingRows
{
    /// <summary>Threads that give memory back at once; what others have to give can wait.</summary>
    private const int Places = 8;

    private fixed ulong _starts[Places];
    private fixed ulong _pages[Places];

    internal readonly bool HasRoom => FindPlace(isFree: true) < Places;

    /// <summary>Enters a row at a place that is free; returns that.</summary>
    internal int Add(nuint start, nuint pages)
    {
        int place = FindPlace(isFree: true);
        _starts[place] = start;
        _pages[place] = pages;
        return place;
    }

    internal void Remove(int place) => _pages[place] = 0;

    /// <summary>Takes out any row; false if there is none.</summary>
    internal bool TryTakeAny(out nuint start, out nuint pages)
    {
        int place = FindPlace(isFree: false);
        start = place < Places ? (nuint)_starts[place] : 0;
        pages = place < Places ? (nuint)_pages[place] : 0;
        if (place < Places)
        {
            Remove(place);
        }

        return place < Places;
    }

    private readonly int FindPlace(bool isFree)
    {
        int place = 0;
        while (place < Places && (_pages[place] == 0) != isFree)
        {
            place++;
        }

        return place;
    }
}

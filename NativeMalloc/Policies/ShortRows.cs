namespace NativeMalloc;

/// <summary>
/// What free rows of pages cost that are too short. A span for which no free row is long enough takes memory from the kernel, and the heap would
/// grow by rows that nothing fits into. So a heap has hardly more memory than it ever had in use: for what small objects, which serve for long, took
/// of memory that was not there, as much goes back that would be kept otherwise. Who uses that later pays a fault, and a heap of shapes that come by
/// turns would pay for ever. So only what was taken in the same period counts, and what went back earns: the more it was, the more the heap may have.
/// In pages.
/// </summary>
/// <remarks>Large blocks earn nothing: 300 of 100,000 to 1,000,000 bytes, replaced at random, took three times as long when they did.</remarks>
internal struct ShortRows
{
    /// <summary>So much any heap may have more than it ever used, and no less goes at once: a call costs as much as some faults.</summary>
    internal const nint LeastSlack = (64 << 10) >> PageMap.PageShift;

    /// <summary>
    /// For so many pages that went back the heap may have one more: so each page that it could have kept goes that often, and then stays.
    /// (With half as many `sizes` takes 3 % less time and has 5 % more at its peak, minimise 3 % more.)
    /// </summary>
    internal const nint ReleasesForPage = 64;

    private nint _mostUsed;

    // Pages without memory that small objects took in this period, but for those for which others went back; and all that ever went back so.
    private nint _grown;
    private nint _released;

    /// <summary>How many free pages should go back for those that held no memory.</summary>
    internal readonly nint Due(nint used, nint free)
    {
        nint due = used + free - _mostUsed - _released / ReleasesForPage;
        due = due < _grown ? due : _grown;
        return due < LeastSlack ? 0 : due;
    }

    /// <summary>Pages were taken, of which some held no memory and are for small objects; so many are in use now.</summary>
    internal void OnTaken(nint used, nint withoutMemory)
    {
        _grown += withoutMemory;
        _mostUsed = used > _mostUsed ? used : _mostUsed;
    }

    /// <summary>Pages went back that were due.</summary>
    internal void OnReleased(nint pages)
    {
        _released += pages;
        _grown -= pages;
    }

    /// <summary>What was taken before now is no reason any more: the rows that come free from now on did not lie beside it.</summary>
    internal void EndPeriods() => _grown = 0;
}

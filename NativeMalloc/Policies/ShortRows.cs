namespace NativeMalloc;

/// <summary>
/// What free rows of pages cost that are too short. A span for which no free row is long enough takes memory from the kernel, and the heap would
/// grow by rows that nothing fits into. So a heap has hardly more memory than it ever had in use: what it has beyond that goes back, though it
/// would be kept otherwise. Who uses it later pays a fault; so of the pages that are taken for small objects, which serve for long, one in eight
/// pays at most. In pages.
/// </summary>
/// <remarks>Large blocks earn nothing: 300 of 100,000 to 1,000,000 bytes, replaced at random, took four times as long when they did.</remarks>
internal struct ShortRows
{
    /// <summary>A heap may have this part more than it ever used, and always so much, so that several rows go at once.</summary>
    private const nint SlackFraction = 128;
    private const nint LeastSlack = (64 << 10) >> PageMap.PageShift;

    /// <summary>Of so many pages that are taken for small objects, one may go back.</summary>
    private const nint FaultFraction = 8;

    private nint _mostUsed;

    // Pages that were taken for small objects, less FaultFraction times those that went back.
    private nint _earned;

    /// <summary>How many free pages should go back for those that were taken.</summary>
    internal readonly nint Due(nint used, nint free)
    {
        nint due = used + free - _mostUsed;
        nint slack = _mostUsed / SlackFraction is var part && part > LeastSlack ? part : LeastSlack;
        return due < slack ? 0 : due < _earned / FaultFraction ? due : _earned / FaultFraction;
    }

    /// <summary>Pages were taken, so many of them for small objects; so many are in use now.</summary>
    internal void OnTaken(nint used, nint forObjects)
    {
        _earned += forObjects;
        _mostUsed = used > _mostUsed ? used : _mostUsed;
    }

    /// <summary>Pages went back that were due.</summary>
    internal void OnReleased(nint pages) => _earned -= pages * FaultFraction;
}

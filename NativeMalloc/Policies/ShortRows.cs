namespace NativeMalloc;

/// <summary>
/// What free rows of pages cost that are too short. A span for which no free row is long enough takes memory from the kernel, and the heap would
/// grow by rows that nothing fits into. So a heap has hardly more memory than it ever had in use: what it has beyond that goes back, though it
/// would be kept otherwise. Who uses it later pays a fault; so no more goes than small objects, which serve for long, took of memory that was not
/// there, and of all that they take one page in eight: a heap that finds what it wants gives nothing, and one that does not pays that at most. In pages.
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

    // Pages without memory that small objects took, less those that went back for them.
    private nint _grown;

    // Pages that small objects took, less FaultFraction times those that went back.
    private nint _earned;

    /// <summary>How many free pages should go back for those that held no memory.</summary>
    internal readonly nint Due(nint used, nint free)
    {
        nint due = used + free - _mostUsed;
        nint slack = _mostUsed / SlackFraction is var part && part > LeastSlack ? part : LeastSlack;
        nint most = _grown < _earned / FaultFraction ? _grown : _earned / FaultFraction;
        return due < slack ? 0 : due < most ? due : most;
    }

    /// <summary>Pages were taken, so many of them for small objects, of which some held no memory; so many are in use now.</summary>
    internal void OnTaken(nint used, nint forObjects, nint withoutMemory)
    {
        _earned += forObjects;
        _grown += withoutMemory;
        _mostUsed = used > _mostUsed ? used : _mostUsed;
    }

    /// <summary>Pages went back that were due.</summary>
    internal void OnReleased(nint pages)
    {
        _grown -= pages;
        _earned -= pages * FaultFraction;
    }
}

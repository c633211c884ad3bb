namespace NativeMalloc;

/// <summary>What is kept of all remnants.</summary>
internal unsafe partial struct Remnants<TSource>
{
    // Lists by the longest free row, up to a page: in steps, and of each length where a step would be much of it, or the spans that are full would be
    // looked at for every small object.
    private const int ListStep = 8;
    private const int ExactRows = ListStep * ListStep;
    private const int Lists = ExactRows + (RemnantUnits.PerPage - ExactRows) / ListStep + 1;

    internal FutexLock Lock;
    private nint _pages;
    private nint _usedUnits;
    private fixed ulong _heads[Lists];

    // So many units, so aligned, were looked for everywhere in vain, and nothing has come back since; 0: no such.
    private int _vainUnits;
    private int _vainAlignment;

    // For the sets of spans of each number of pages, a MetadataPool.
    private fixed ulong _pools[SizeClasses.MaxPagesPerSpan + 1];

    /// <summary>Bytes of the spans that are here, and of the objects in them that are not free.</summary>
    internal readonly nuint Bytes => (nuint)_pages << PageMap.PageShift;

    internal readonly nuint UsedBytes => (nuint)_usedUnits << RemnantUnits.Shift;
}

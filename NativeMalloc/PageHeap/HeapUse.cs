namespace NativeMalloc;

/// <summary>How many pages are in spans, and in which. Under the page heap's lock.</summary>
internal struct HeapUse
{
    private nint _pages;
    private nint _sharedPages;
    private nint _objectPages;

    /// <summary>Bytes in spans.</summary>
    internal readonly nuint Bytes => BytesOf(_pages);

    /// <summary>Of them, bytes in spans that are shorter than a huge page, and share theirs with others.</summary>
    internal readonly nuint SharedBytes => BytesOf(_sharedPages);

    /// <summary>Bytes in spans of small objects.</summary>
    internal readonly nuint ObjectBytes => BytesOf(_objectPages);

    internal void Add(nuint pages, byte sizeClass) => Count((nint)pages, pages, sizeClass);

    internal void Remove(nuint pages, byte sizeClass) => Count(-(nint)pages, pages, sizeClass);

    private void Count(nint change, nuint pages, byte sizeClass)
    {
        _pages += change;
        _sharedPages += pages < PageBits.Pages ? change : 0;
        _objectPages += sizeClass != 0 ? change : 0;
    }

    private static nuint BytesOf(nint pages) => (nuint)pages << PageMap.PageShift;
}

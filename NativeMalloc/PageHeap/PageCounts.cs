namespace NativeMalloc;

/// <summary>How many pages the page heap has.</summary>
internal struct PageCounts
{
    internal nint Mapped;

    /// <summary>In spans.</summary>
    internal nint Used;

    /// <summary>Free ones that the kernel is taking back: nobody can have them meanwhile.</summary>
    internal nint Leaving;

    /// <summary>In no span, and without memory: never touched, or given back.</summary>
    internal nint Released;

    internal readonly nuint MappedBytes => (nuint)Mapped << PageMap.PageShift;

    internal readonly nuint UsedBytes => (nuint)Used << PageMap.PageShift;

    internal readonly nuint ReleasedBytes => (nuint)Released << PageMap.PageShift;
}

namespace NativeMalloc;

/// <summary>
/// Memory for small objects that comes a span at a time, by one system call, rather than a page at a time, by a fault for each: where the machine is a
/// virtual one inside another, a fault takes twenty times as long as the page.
/// </summary>
internal static unsafe class Population
{
    // The kernel cannot (before Linux 5.14), or a filter does not let it.
    private static bool s_isRefused;

    /// <summary>
    /// On a span that was taken for small objects, of which the program will touch each page: if it holds no memory, and would get it in pages of the
    /// smallest size. No lock is held.
    /// </summary>
    internal static void Fill(Span* span)
    {
        HugePage* hugePage = PageMap.HugePageOf(span->Start);
        int page = (int)((span->Start - hugePage->Start) >> PageMap.PageShift);
        int end = page + (int)span->Pages;
        if (!s_isRefused && hugePage->Advice == PageAdvice.Small && end <= PageBits.Pages && !hugePage->NextOldRow(ref page, end, out _))
        {
            s_isRefused = !Os.Populate((byte*)span->Start, span->Bytes);
        }
    }
}

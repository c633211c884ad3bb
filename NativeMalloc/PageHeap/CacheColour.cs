namespace NativeMalloc;

/// <summary>
/// Where in its first page a large block begins. A first-level cache has 64 sets of a dozen lines, chosen by a line's place in its page: of blocks that
/// all begin at the same place, a program that uses more than a dozen in step would find none there. So each begins at another.
/// </summary>
internal static class CacheColour
{
    internal const int Line = 64;

    /// <summary>
    /// A block whose last page has a quarter to spare is moved within that, at no memory: to one of 16 places and more, of which each serves a
    /// dozen blocks. Any other gets one page of the kernel's more.
    /// </summary>
    private const nuint LeastSpare = KernelPage.Size / 4;

    internal static nuint RoundUp(nuint bytes) => (bytes + Line - 1) & ~(nuint)(Line - 1);

    /// <summary>So many bytes after the start of its pages a block of that size may begin at most.</summary>
    internal static nuint Spread(nuint size)
    {
        nuint spare = (0 - size) & (KernelPage.Size - Line);
        return spare >= LeastSpare ? spare : KernelPage.Size - Line;
    }

    /// <summary>So many do: for the same pages as many as before, since what comes back is in the cache; for others by lot.</summary>
    internal static nuint Offset(nuint start, nuint spread) =>
        (nuint)((Hash.Add(0, start >> PageMap.PageShift) >> 32) * (spread / Line + 1) >> 32) * Line;
}

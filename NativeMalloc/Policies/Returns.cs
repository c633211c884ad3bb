namespace NativeMalloc;

/// <summary>
/// How often blocks of a size come back before any is kept. Small ones are kept at once. Of the large a program may use each size but once, as
/// python3 does while it reads modules: one that is kept of each is then more than the rest of its heap.
/// </summary>
internal static class Returns
{
    /// <summary>Below a page of the kernel a block that is kept holds little that its neighbours do not.</summary>
    private const nuint Large = 4096;

    internal const int OfLarge = 4;

    /// <summary>Each block of that size that is kept holds memory for itself, rather than with its neighbours.</summary>
    internal static bool IsLarge(nuint size) => size >= Large;

    internal static int BeforeKept(nuint size) => IsLarge(size) ? OfLarge : 0;
}

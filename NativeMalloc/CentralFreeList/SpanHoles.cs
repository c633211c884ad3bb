using System.Numerics;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// A small span's holes: pages of it that no object lies on which is out, and that the kernel has taken back.
/// </summary>
/// <remarks>
/// They go by units, which are the kernel's pages: a bit each, which are enough for the longest span. Where there are no more objects than
/// fit in one word of the bitmap, as of nearly all classes from 128 bytes on, its second word has them; other spans have none.
/// Invariant: a hole reads zero, and all objects that overlap it are here. Taking one of them ends it.
/// </remarks>
internal unsafe partial struct Span
{
    private const int BitsOfWord = 64;
    private const int UnitsOfPage = (int)PageMap.PageSize >> KernelPage.Shift;

    /// <summary>A unit each, from the span's start on.</summary>
    internal readonly ulong Holes => HasRoomForHoles ? _here[1] : 0;

    internal static nuint BytesOfUnits(ulong units) => (nuint)Bits.Count(units) << KernelPage.Shift;

    private readonly bool HasRoomForHoles => Objects <= BitsOfWord;

    /// <summary>The units that hold memory, for all that is known, and no object that is out.</summary>
    internal readonly ulong IdleUnits()
    {
        if (!HasRoomForHoles)
        {
            return 0;
        }

        ulong idle = Bits.Mask(0, (int)Pages * UnitsOfPage) & ~_here[1];
        for (ulong others = ~_here[0] & Bits.Mask(0, Objects); others != 0 && idle != 0; others &= others - 1)
        {
            idle &= ~UnitsOf(BitOperations.TrailingZeroCount(others));
        }

        return idle;
    }

    /// <summary>The kernel has taken these back, while nobody could take objects of the span.</summary>
    internal void AddHoles(ulong units) => _here[1] |= units;

    /// <summary>An 8 KiB page of it is all hole.</summary>
    internal readonly bool IsHole(nuint page)
    {
        int first = (int)page * UnitsOfPage;
        ulong units = Bits.Mask(first, first + UnitsOfPage);
        return (Holes & units) == units;
    }

    /// <summary>Those of its 8 KiB pages that are all hole, a bit each.</summary>
    internal readonly uint HolePages()
    {
        uint pages = 0;
        for (int page = 0; Holes != 0 && page < (int)Pages; page++)
        {
            pages |= IsHole((nuint)page) ? 1u << page : 0;
        }

        return pages;
    }

    /// <summary>Moves <paramref name="page"/> on behind the next row of 8 KiB pages that are alike in this; returns how many they are.</summary>
    internal readonly nuint NextAlike(ref nuint page, out bool hole)
    {
        nuint first = page;
        hole = IsHole(first);
        while (++page < Pages && IsHole(page) == hole)
        {
        }

        return page - first;
    }

    // As TakeObjects, those first that lie on no hole: they take no memory. What others lie on is no hole any more.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeAmongHoles(ref void** objects, void** end)
    {
        ulong onHoles = 0;
        for (ulong here = _here[0]; here != 0; here &= here - 1)
        {
            int number = BitOperations.TrailingZeroCount(here);
            onHoles |= (_here[1] & UnitsOf(number)) != 0 ? 1UL << number : 0;
        }

        nuint size = SizeClasses.Size(SizeClass);
        ulong others = TakeFrom(_here[0] & ~onHoles, Start, size, ref objects, end);
        ulong left = TakeFrom(onHoles, Start, size, ref objects, end);
        for (ulong filled = onHoles & ~left; filled != 0; filled &= filled - 1)
        {
            _here[1] &= ~UnitsOf(BitOperations.TrailingZeroCount(filled));
        }

        _here[0] = others | left;
    }

    // The units that an object lies on.
    private readonly ulong UnitsOf(int number)
    {
        nuint size = SizeClasses.Size(SizeClass);
        nuint start = (nuint)number * size;
        return Bits.Mask((int)(start >> KernelPage.Shift), (int)((start + size - 1) >> KernelPage.Shift) + 1);
    }
}

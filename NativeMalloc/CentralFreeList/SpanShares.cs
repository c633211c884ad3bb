using System.Numerics;

namespace NativeMalloc;

/// <summary>
/// A small span's bytes that hold memory and no object that is out, and whose they are: all that lies on one of the kernel's pages is shared in
/// equal parts by the objects there that are out, or, where none is, by all that are out of the span. A span without room for holes goes back as
/// one, and is shared as one. (docs/profiling.md, "Pins")
/// </summary>
internal unsafe partial struct Span
{
    /// <summary>What its objects keep from going back: bytes of those that are here, but for holes. 0 if none is out.</summary>
    internal readonly nuint FreeBytes
    {
        get
        {
            int here = Objects - Out;
            if (here <= 0 || here == Objects)
            {
                return 0; // below 0 where somebody changes it meanwhile
            }

            return HasRoomForHoles
                ? FreeBytesOn(Bits.Mask(0, (int)Pages * UnitsOfPage) & ~_here[1])
                : (nuint)here * SizeClasses.Size(SizeClass);
        }
    }

    /// <summary>An object's part of <see cref="FreeBytes"/>. It is out.</summary>
    internal readonly double FreeShareOf(nuint address)
    {
        if (Out == 0)
        {
            return 0; // as who reads from outside may find it
        }

        if (!HasRoomForHoles)
        {
            return (double)FreeBytes / Out;
        }

        double share = (double)FreeBytesOn(IdleUnits()) / Out;
        for (ulong units = UnitsOf((int)NumberOf(address - Start)); units != 0; units &= units - 1)
        {
            int unit = BitOperations.TrailingZeroCount(units);
            nuint free = FreeBytesOn(unit, out int others);
            share += others > 0 ? (double)free / others : 0;
        }

        return share;
    }

    private readonly nuint FreeBytesOn(ulong units)
    {
        nuint bytes = 0;
        for (; units != 0; units &= units - 1)
        {
            bytes += FreeBytesOn(BitOperations.TrailingZeroCount(units), out _);
        }

        return bytes;
    }

    // "gone": objects there that are out.
    private readonly nuint FreeBytesOn(int unit, out int gone)
    {
        nuint size = SizeClasses.Size(SizeClass);
        nuint start = (nuint)unit << KernelPage.Shift;
        nuint end = start + (1 << KernelPage.Shift);
        nuint bytes = 0;
        gone = 0;
        for (nuint number = SizeClasses.NumberAt(start, SizeClass); number < Objects && number * size < end; number++)
        {
            nuint first = number * size;
            nuint last = first + size;
            if ((_here[0] >> (int)number & 1) != 0)
            {
                bytes += (last < end ? last : end) - (first > start ? first : start);
            }
            else
            {
                gone++;
            }
        }

        return bytes;
    }
}

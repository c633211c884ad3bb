using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>Reads a table of DWARF's from a place on, byte by byte; what is not there reads zero, and from then on the reader has failed.</summary>
/// <remarks>Tables are read seldom, and from many places: what reads them is not copied to all of these.</remarks>
internal unsafe struct TableReader
{
    // How an address is encoded (Linux Standard Base, 10.5): the form, what it is relative to, and whether it is that of the address.
    internal const int UnsignedFourBytes = 0x03;
    internal const int Omitted = 0xff;
    internal const int SignedFourBytes = 0x0b;
    internal const int SignedEightBytes = 0x0c;
    internal const int RelativeToTable = 0x30;
    private const int FormMask = 0x0f;
    private const int RelationMask = 0x70;
    private const int RelativeToItself = 0x10;
    private const int Indirect = 0x80;

    private ReadablePages* _pages;
    private byte* _at;
    private byte* _end;
    private byte* _known;

    /// <summary>Whose end is not known yet: none lies in the kernel's half.</summary>
    internal TableReader(ReadablePages* pages, byte* start)
        : this(pages, start, (byte*)long.MaxValue)
    {
    }

    internal TableReader(ReadablePages* pages, byte* start, byte* end)
    {
        _pages = pages;
        _at = start;
        _end = end;
        _known = start; // readable up to here
        Failed = false;
    }

    internal bool Failed { get; private set; }

    internal readonly byte* At => _at;

    internal readonly bool IsAtEnd => _at >= _end || Failed;

    internal void EndAt(byte* end) => _end = end;

    internal void Fail() => Failed = true;

    internal void Skip(ulong bytes)
    {
        if (IsAtEnd ? bytes != 0 : bytes > (ulong)(_end - _at))
        {
            Failed = true;
        }
        else
        {
            _at += bytes;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal byte Byte() => Take(1) ? _at[-1] : (byte)0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal ushort TwoBytes() => Take(2) ? *(ushort*)(_at - 2) : (ushort)0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal uint FourBytes() => Take(4) ? *(uint*)(_at - 4) : 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal ulong EightBytes() => Take(8) ? *(ulong*)(_at - 8) : 0;

    /// <summary>A number in the base 128, the lowest digit first (DWARF 5, 7.6).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal ulong Unsigned() => Number(out _, out _);

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal long Signed()
    {
        ulong value = Number(out int bits, out bool negative);
        return (long)(negative && bits < 64 ? value | ulong.MaxValue << bits : value);
    }

    /// <summary>An address in that encoding; what is relative to a table begins at <paramref name="table"/>.</summary>
    internal ulong Address(int encoding, ulong table)
    {
        ulong place = (ulong)_at;
        ulong value = (encoding & FormMask) switch
        {
            0x00 or 0x04 or SignedEightBytes => EightBytes(),
            0x01 => Unsigned(),
            0x02 => TwoBytes(),
            UnsignedFourBytes => FourBytes(),
            0x09 => (ulong)Signed(),
            0x0a => (ulong)(short)TwoBytes(),
            SignedFourBytes => (ulong)(int)FourBytes(),
            _ => FailedValue(),
        };
        if (value == 0)
        {
            return 0; // none, whatever it would be relative to
        }

        switch (encoding & RelationMask)
        {
            case 0:
                break;
            case RelativeToItself:
                value += place;
                break;
            case RelativeToTable:
                value += table;
                break;
            default:
                Failed = true;
                break;
        }

        if ((encoding & Indirect) != 0 && !_pages->TryRead((nuint)value, out value))
        {
            Failed = true;
        }

        return value;
    }

    private ulong FailedValue()
    {
        Failed = true;
        return 0;
    }

    private ulong Number(out int bits, out bool negative)
    {
        ulong value = 0;
        bits = 0;
        byte digit;
        do
        {
            digit = Byte();
            value |= bits < 64 ? (ulong)(digit & 0x7f) << bits : 0;
            bits += 7;
        }
        while ((digit & 0x80) != 0);
        negative = (digit & 0x40) != 0;
        return value;
    }

    private bool Take(int bytes)
    {
        if (Failed || _end - _at < bytes)
        {
            Failed = true;
            return false;
        }

        if (_at + bytes > _known && !Try(bytes))
        {
            Failed = true;
            return false;
        }

        _at += bytes;
        return true;
    }

    private bool Try(int bytes)
    {
        if (!_pages->CanRead((nuint)_at, (nuint)bytes))
        {
            return false;
        }

        _known = (byte*)(((nuint)_at + (nuint)bytes - 1 | (KernelPage.Size - 1)) + 1);
        return true;
    }
}

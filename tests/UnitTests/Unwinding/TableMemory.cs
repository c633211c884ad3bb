using System;
using System.Collections.Generic;
using System.Linq;

namespace NativeMalloc.UnitTests;

/// <summary>Memory in which a test lays out what compilers, linkers and the kernel leave: tables, stacks, code. A page that cannot be read follows.</summary>
internal sealed unsafe class TableMemory
{
    internal const int Bytes = 64 << 10;

    private const byte PcRelativeFourBytes = 0x1b;

    // Tests are few, and it stays: an address is never another test's.
    internal TableMemory()
    {
        Start = LibC.Map(null, Bytes + 4096, LibC.ProtNone, LibC.MapPrivateAnonymous, -1, 0);
        LibC.Map(Start, Bytes, LibC.ProtReadWrite, LibC.MapPrivateAnonymous | LibC.MapFixed, -1, 0);
        At = Start;
    }

    internal byte* Start { get; }

    internal byte* End => Start + Bytes;

    internal byte* At { get; set; }

    internal byte* Put(params byte[] bytes)
    {
        byte* at = At;
        bytes.CopyTo(new Span<byte>(at, bytes.Length));
        At += bytes.Length;
        return at;
    }

    internal byte* Put(uint value) => Put(BitConverter.GetBytes(value));

    internal byte* Put(ulong value) => Put(BitConverter.GetBytes(value));

    internal void Align(int unit) => At = (byte*)(((nuint)At + (nuint)unit - 1) / (nuint)unit * (nuint)unit);

    /// <summary>What descriptions share; the return address is saved right below the canonical frame address, as by each call.</summary>
    internal byte* Common(string augmentation = "zR", byte[] data = null, byte[] program = null)
    {
        data ??= [PcRelativeFourBytes];
        return Record(
            0,
            [1, .. augmentation.Select(letter => (byte)letter), 0, 1, 0x78, Registers.Rip, .. augmentation.StartsWith('z') ? [(byte)data.Length] : Array.Empty<byte>(), .. data,
            .. program ?? [0x0c, Registers.Rsp, 8, 0x80 + Registers.Rip, 1]]);
    }

    /// <summary>That of one function.</summary>
    internal byte* Description(byte* common, byte* function, int length, params byte[] program)
    {
        Align(4);
        return Record(
            (uint)(At + 4 - common),
            [.. BitConverter.GetBytes((int)(function - (At + 8))), .. BitConverter.GetBytes(length), 0, .. program]);
    }

    /// <summary>The sorted table of such descriptions.</summary>
    internal nuint Sorted(params (nint Function, nint Description)[] rows)
    {
        Align(8);
        byte* table = Put(1, 0x1b, 0x03, 0x3b);
        Put((uint)0);
        Put((uint)rows.Length);
        foreach ((nint function, nint description) in rows.OrderBy(row => row.Function))
        {
            Put((uint)(int)(function - (nint)table));
            Put((uint)(int)(description - (nint)table));
        }

        return (nuint)table;
    }

    internal static byte[] Unsigned(ulong value)
    {
        List<byte> bytes = [];
        do
        {
            bytes.Add((byte)(value & 0x7f | (value > 0x7f ? 0x80u : 0)));
            value >>= 7;
        }
        while (value != 0);
        return [.. bytes];
    }

    internal static byte[] Signed(long value)
    {
        List<byte> bytes = [];
        for (bool more = true; more; value >>= 7)
        {
            more = value is not (>= -64 and < 64);
            bytes.Add((byte)((int)(value & 0x7f) | (more ? 0x80 : 0)));
        }

        return [.. bytes];
    }

    // Padded to words, by instructions that do nothing.
    private byte* Record(uint distance, byte[] content)
    {
        Align(4);
        int padding = (8 - (content.Length + 8) % 8) % 8;
        byte* at = Put((uint)(4 + content.Length + padding));
        Put(distance);
        Put(content);
        Put(new byte[padding]);
        return at;
    }
}

using System;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>Fields of Protocol Buffers' encoding. A message within another goes behind its length, which its owner adds up first.</summary>
internal unsafe struct ProtobufOutput
{
    private const int WireVarint = 0;
    private const int WireBytes = 2;

    private GzipOutput _output;

    internal ProtobufOutput(int file, byte* buffer, int bytes) => _output = new GzipOutput(file, buffer, bytes);

    internal readonly int Error => _output.Error;

    internal void Finish() => _output.Finish();

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _output.Byte((byte)(value | 0x80));
        }

        _output.Byte((byte)value);
    }

    /// <summary>A number, which is left out if it is 0, as it is then understood.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Number(int field, ulong value)
    {
        if (value != 0)
        {
            Varint((ulong)field << 3 | WireVarint);
            Varint(value);
        }
    }

    /// <summary>What comes before so many bytes: of a message, packed numbers, or text.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Begin(int field, ulong bytes)
    {
        Varint((ulong)field << 3 | WireBytes);
        Varint(bytes);
    }

    internal void Text(int field, ReadOnlySpan<byte> text) => Text(field, text.Length != 0 ? Literal.Pointer(text) : null, text.Length);

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Text(int field, byte* text, int length)
    {
        Begin(field, (ulong)length);
        for (int i = 0; i < length; i++)
        {
            _output.Byte(text[i]);
        }
    }

    /// <summary>Bytes that <see cref="Varint"/> takes.</summary>
    internal static ulong VarintBytes(ulong value) => (ulong)(70 - BitOperations.LeadingZeroCount(value | 1)) / 7;

    /// <summary>Bytes that <see cref="Number"/> takes, of a field below 16.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong NumberBytes(ulong value) => value != 0 ? 1 + VarintBytes(value) : 0;
}

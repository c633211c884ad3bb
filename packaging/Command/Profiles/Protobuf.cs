namespace NativeMalloc.Inspect;

/// <summary>Protocol buffers' wire format, as far as profiles use it. Zeros are not written.</summary>
internal sealed class ProtobufWriter
{
    private const int Varint = 0, Delimited = 2;

    private readonly MemoryStream _bytes = new();

    internal byte[] ToArray() => _bytes.ToArray();

    internal ProtobufWriter Number(int field, long value)
    {
        if (value != 0)
        {
            Write((ulong)(field << 3 | Varint));
            Write((ulong)value);
        }

        return this;
    }

    internal ProtobufWriter Numbers(int field, IEnumerable<long> values)
    {
        ProtobufWriter packed = new();
        foreach (long value in values)
        {
            packed.Write((ulong)value);
        }

        return packed._bytes.Length > 0 ? Bytes(field, packed.ToArray()) : this;
    }

    internal ProtobufWriter Bytes(int field, byte[] value)
    {
        Write((ulong)(field << 3 | Delimited));
        Write((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    internal ProtobufWriter Message(int field, Action<ProtobufWriter> fill)
    {
        ProtobufWriter message = new();
        fill(message);
        return Bytes(field, message.ToArray());
    }

    private void Write(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _bytes.WriteByte((byte)(value | 0x80));
        }

        _bytes.WriteByte((byte)value);
    }
}

/// <summary>Reads the same; what it does not understand is an <see cref="InvalidDataException"/>.</summary>
internal static class ProtobufReader
{
    private const int Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5;

    /// <summary>A field of a message: a number, or bytes.</summary>
    internal readonly record struct Field(int Number, bool IsNumber, long Value, ReadOnlyMemory<byte> Bytes)
    {
        /// <summary>The fields of the message that it is, by their numbers.</summary>
        internal ILookup<int, Field> Parts => Fields(Bytes).ToLookup(part => part.Number);
    }

    internal static List<Field> Fields(ReadOnlyMemory<byte> message)
    {
        List<Field> fields = [];
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Read(message, ref at);
            long value = 0;
            ReadOnlyMemory<byte> bytes = default;
            switch (tag & 7)
            {
                case Varint:
                    value = (long)Read(message, ref at);
                    break;
                case Delimited:
                    bytes = Take(message, ref at, Read(message, ref at));
                    break;
                case Fixed64:
                    Take(message, ref at, 8);
                    break;
                case Fixed32:
                    Take(message, ref at, 4);
                    break;
                default:
                    throw new InvalidDataException();
            }

            fields.Add(new Field((int)(tag >> 3), (tag & 7) == Varint, value, bytes));
        }

        return fields;
    }

    /// <summary>The number of that field; 0 if there is none.</summary>
    internal static long Number(this ILookup<int, Field> message, int field) => message[field].LastOrDefault().Value;

    /// <summary>All numbers of that field, packed or not.</summary>
    internal static IEnumerable<long> Numbers(this ILookup<int, Field> message, int field)
    {
        foreach (Field one in message[field])
        {
            if (one.IsNumber)
            {
                yield return one.Value;
            }

            for (int at = 0; at < one.Bytes.Length;)
            {
                yield return (long)Read(one.Bytes, ref at);
            }
        }
    }

    private static ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> message, ref int at, ulong length)
    {
        if (length > (ulong)(message.Length - at))
        {
            throw new InvalidDataException();
        }

        at += (int)length;
        return message.Slice(at - (int)length, (int)length);
    }

    private static ulong Read(ReadOnlyMemory<byte> message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64 && at < message.Length; shift += 7)
        {
            byte one = message.Span[at++];
            value |= (ulong)(one & 0x7f) << shift;
            if (one < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException();
    }
}

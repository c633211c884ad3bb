using System;
using System.Buffers.Binary;

namespace NativeMalloc.UnitTests;

/// <summary>The start of an ELF file with a build id, which lies behind another note.</summary>
internal static class FakeImage
{
    internal static byte[] Make(ulong linkedAt, byte[] id)
    {
        const int Headers = 64;
        const int Notes = Headers + 3 * 56;
        byte[] image = new byte[Notes + 32 + 16 + id.Length];
        ReadOnlySpan<byte> magic = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        magic.CopyTo(image);
        Long(32, Headers); // e_phoff
        Short(54, 56); // e_phentsize
        Short(56, 3); // e_phnum
        Segment(0, type: 6, 64, 3 * 56, 8); // PT_PHDR
        Segment(1, type: 1, 0, 0x1000, 4096); // PT_LOAD
        Segment(2, type: 4, Notes, image.Length - Notes, 4); // PT_NOTE
        Note(Notes, 1, 16);
        Note(Notes + 32, 3, id.Length);
        id.CopyTo(image, Notes + 32 + 16);
        return image;

        void Segment(int number, int type, int offset, int bytes, int alignment)
        {
            int at = Headers + number * 56;
            Int(at, type);
            Long(at + 8, (ulong)offset);
            Long(at + 16, linkedAt + (ulong)offset);
            Long(at + 32, (ulong)bytes);
            Long(at + 40, (ulong)bytes);
            Long(at + 48, (ulong)alignment);
        }

        void Note(int at, int type, int bytes)
        {
            Int(at, 4);
            Int(at + 4, bytes);
            Int(at + 8, type);
            "GNU\0"u8.CopyTo(image.AsSpan(at + 12));
        }

        void Short(int at, short value) => BinaryPrimitives.WriteInt16LittleEndian(image.AsSpan(at), value);

        void Int(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(at), value);

        void Long(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(at), value);
    }
}

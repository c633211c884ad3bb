#pragma warning disable CS0649 // read from images
namespace NativeMalloc;

/// <summary>The build id of a loaded image, from the note that the linker put there (NT_GNU_BUILD_ID). The image may go away meanwhile.</summary>
internal static unsafe class BuildId<TSource>
    where TSource : IProfileSource
{
    /// <summary>Bytes of the longest that is read. Linkers make 20, or 16 or 8.</summary>
    internal const int MostBytes = 32;

    private const uint ElfMagic = 0x464c457f;
    private const byte Class64 = 2;
    private const uint LoadSegment = 1;
    private const uint NoteSegment = 4;
    private const uint BuildIdNote = 3;
    private const uint Gnu = 0x00554e47;
    private const int MostNotes = 32;

    /// <summary>Of the image whose file's start is mapped there; returns its length, 0 if it has none.</summary>
    internal static int Read(ulong start, byte* id)
    {
        ElfHeader header;
        if (!TSource.TryCopy(start, &header, (nuint)sizeof(ElfHeader)) || header.Magic != ElfMagic || header.Class != Class64 || header.SegmentBytes != sizeof(Segment))
        {
            return 0;
        }

        bool isPlaced = false;
        ulong offset = 0; // of addresses in memory from those in the file
        for (uint i = 0; i < header.SegmentCount; i++)
        {
            Segment segment;
            if (!TSource.TryCopy(start + header.Segments + i * (uint)sizeof(Segment), &segment, (nuint)sizeof(Segment)))
            {
                return 0;
            }

            if (segment.Type == LoadSegment && !isPlaced)
            {
                isPlaced = true;
                offset = start + segment.Offset - segment.Address;
            }
        }

        for (uint i = 0; i < header.SegmentCount; i++)
        {
            Segment segment;
            if (!TSource.TryCopy(start + header.Segments + i * (uint)sizeof(Segment), &segment, (nuint)sizeof(Segment)))
            {
                return 0;
            }

            int length = segment.Type == NoteSegment ? ReadNotes(offset + segment.Address, segment.MemoryBytes, segment.Alignment, id) : 0;
            if (length != 0)
            {
                return length;
            }
        }

        return 0;
    }

    private static int ReadNotes(ulong start, ulong bytes, ulong alignment, byte* id)
    {
        ulong mask = alignment == 8 ? 7UL : 3UL;
        Note note;
        ulong at = 0;
        for (int i = 0; i < MostNotes && at + (uint)sizeof(Note) <= bytes && TSource.TryCopy(start + at, &note, (nuint)sizeof(Note)); i++)
        {
            // The name follows; the note's structure has the first four bytes of it.
            ulong text = at + 12 + note.NameBytes + mask & ~mask;
            if (note.Type == BuildIdNote && note.NameBytes == 4 && note.Name == Gnu)
            {
                return note.TextBytes <= MostBytes && TSource.TryCopy(start + text, id, note.TextBytes) ? (int)note.TextBytes : 0;
            }

            at = text + note.TextBytes + mask & ~mask;
        }

        return 0;
    }

    // Elf64_Ehdr.
    private struct ElfHeader
    {
        internal uint Magic;
        internal byte Class;
        internal byte DataOrder;
        internal byte IdentVersion;
        internal byte System;
        internal ulong Padding;
        internal ushort Type;
        internal ushort Machine;
        internal uint Version;
        internal ulong Entry;
        internal ulong Segments;
        internal ulong Sections;
        internal uint Flags;
        internal ushort HeaderBytes;
        internal ushort SegmentBytes;
        internal ushort SegmentCount;
        internal ushort SectionBytes;
        internal ushort SectionCount;
        internal ushort SectionNames;
    }

    // Elf64_Nhdr, and the first bytes of the name.
    private struct Note
    {
        internal uint NameBytes;
        internal uint TextBytes;
        internal uint Type;
        internal uint Name;
    }
}

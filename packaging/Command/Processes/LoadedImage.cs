using System.Buffers.Binary;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>An ELF file as a process has it in its memory, by the headers there: the file itself need not be within reach.</summary>
internal sealed class LoadedImage
{
    private const int HeaderBytes = 4096;
    private const int SegmentLoad = 1; // PT_LOAD
    private const int SegmentNote = 4; // PT_NOTE
    private const int MostNoteBytes = 64 << 10;

    /// <summary>Where its begin is mapped.</summary>
    internal required MapLine Line { get; init; }

    /// <summary>What is added to the file's addresses.</summary>
    internal required ulong Bias { get; init; }

    /// <summary>The notes: owner, type, address and text.</summary>
    internal required List<Note> Notes { get; init; }

    internal sealed record Note(string Owner, uint Type, ulong Address, byte[] Text);

    /// <summary>In small letters; empty if it has none.</summary>
    internal string BuildId =>
        Notes.FirstOrDefault(note => note is { Owner: "GNU", Type: 3 }) is Note note ? Convert.ToHexStringLower(note.Text) : "";

    /// <summary>All that are mapped from their begin on.</summary>
    internal static List<LoadedImage> Of(TargetProcess process, List<MapLine> map)
    {
        MapLine[] begins = [.. map.Where(line => line.Offset == 0 && line.Rights[0] == 'r' && (line.IsFile || line.Path == "[vdso]"))];
        byte[] headers = new byte[begins.Length * HeaderBytes];
        bool[] had = process.ReadEach([.. begins.Select(line => line.Start)], HeaderBytes, headers);
        List<LoadedImage> images = [];
        for (int i = 0; i < begins.Length; i++)
        {
            if (had[i] && process.Understand(() => Parse(process, begins[i], headers.AsSpan(i * HeaderBytes, HeaderBytes))) is LoadedImage image)
            {
                images.Add(image);
            }
        }

        return images;
    }

    private static LoadedImage? Parse(TargetProcess process, MapLine line, ReadOnlySpan<byte> header)
    {
        if (!header.StartsWith("\u007fELF\u0002\u0001"u8))
        {
            return null;
        }

        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (size < 56 || table > HeaderBytes || (ulong)size * (ulong)count > HeaderBytes - table)
        {
            return null;
        }

        ulong? bias = null;
        List<(ulong Address, ulong Bytes)> ranges = [];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> segment = header[((int)table + i * size)..];
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(segment);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(segment[8..]);
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(segment[16..]);
            if (type == SegmentLoad)
            {
                bias ??= line.Start - (address - offset);
            }
            else if (type == SegmentNote)
            {
                ranges.Add((address, BinaryPrimitives.ReadUInt64LittleEndian(segment[32..])));
            }
        }

        List<Note> notes = [];
        foreach ((ulong address, ulong bytes) in ranges)
        {
            byte[] text = new byte[Math.Min(bytes, MostNoteBytes)];
            if (bias != null && process.TryRead(bias.Value + address, text))
            {
                AddNotes(notes, bias.Value + address, text);
            }
        }

        return bias == null ? null : new LoadedImage { Line = line, Bias = bias.Value, Notes = notes };
    }

    // Elf64_Nhdr: three words, then the name and the text, both filled up to words.
    private static void AddNotes(List<Note> notes, ulong address, ReadOnlySpan<byte> all)
    {
        for (int at = 0; at + 12 <= all.Length;)
        {
            long name = BinaryPrimitives.ReadUInt32LittleEndian(all[at..]);
            long length = BinaryPrimitives.ReadUInt32LittleEndian(all[(at + 4)..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(all[(at + 8)..]);
            long start = at + 12 + ((name + 3) & ~3);
            if (start + length > all.Length || name == 0)
            {
                return;
            }

            string owner = Encoding.ASCII.GetString(all.Slice(at + 12, (int)name - 1));
            notes.Add(new Note(owner, type, address + (ulong)start, all.Slice((int)start, (int)length).ToArray()));
            at = (int)(start + ((length + 3) & ~3));
        }
    }
}

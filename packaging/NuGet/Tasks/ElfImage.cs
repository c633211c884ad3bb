using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace NativeMalloc.Tasks;

/// <summary>An executable for Linux x86-64 in memory.</summary>
internal sealed class ElfImage
{
    private const int Page = 4096;

    // Elf64_Ehdr and the sizes of what it leads to.
    private const int TypeAt = 16, MachineAt = 18, SegmentsAt = 32, SectionsAt = 40, SegmentCountAt = 56, SectionCountAt = 60;
    private const int SegmentSize = 56, SectionSize = 64, EntrySize = 16;
    private const ushort Executable = 2, PositionIndependent = 3, X86_64 = 62;

    private const uint Load = 1, Dynamic = 2, ProgramHeaders = 6;
    private const uint Readable = 4, Writable = 2;
    private const uint DynamicSection = 6, StringSection = 3;

    private const ulong End = 0, Needed = 1, StringTable = 5, StringTableSize = 10, OldSearchPath = 15, SearchPath = 29;

    private readonly byte[] _bytes;
    private readonly List<Segment> _segments = [];
    private readonly List<Entry> _entries = [];

    internal ElfImage(byte[] bytes)
    {
        _bytes = bytes;
        if (bytes.Length < 64 || Read32(0) != 0x464c457f || bytes[4] != 2 || bytes[5] != 1 || Read16(MachineAt) != X86_64
            || Read16(TypeAt) is not (Executable or PositionIndependent))
        {
            throw new InvalidDataException("it is no executable for x86-64");
        }

        int at = (int)Read64(SegmentsAt);
        for (int i = 0; i < Read16(SegmentCountAt); i++, at += SegmentSize)
        {
            _segments.Add(new Segment
            {
                Type = Read32(at), Flags = Read32(at + 4), Offset = Read64(at + 8), Address = Read64(at + 16), PhysicalAddress = Read64(at + 24),
                FileSize = Read64(at + 32), MemorySize = Read64(at + 40), Alignment = Read64(at + 48),
            });
        }

        Segment dynamic = _segments.Find(segment => segment.Type == Dynamic) ?? throw new InvalidDataException("it is linked statically");
        Entry entry;
        for (at = (int)dynamic.Offset; (entry = new Entry(Read64(at), Read64(at + 8))).Tag != End; at += EntrySize)
        {
            _entries.Add(entry);
        }
    }

    /// <summary>
    /// The same executable, which needs that library as well, and first: the loader then looks for malloc in it before it does in libc. What
    /// becomes longer, the program headers, the dynamic section and its strings, goes to a new segment behind all others.
    /// </summary>
    internal byte[] Needing(string library, string searchPath)
    {
        ulong oldStrings = Value(StringTable), oldStringsSize = Value(StringTableSize);
        int stringsAt = OffsetOf(oldStrings);
        if (_entries.Exists(entry => entry.Tag == Needed && Text(stringsAt, entry.Value) == library))
        {
            return _bytes;
        }

        MemoryStream strings = new();
        strings.Write(_bytes, stringsAt, (int)oldStringsSize);
        _entries.Insert(Math.Max(0, _entries.FindIndex(entry => entry.Tag == Needed)), new Entry(Needed, Add(strings, library)));

        // A search path of either kind goes on behind ours; the older kind is not looked at where there is the newer.
        int path = _entries.FindIndex(entry => entry.Tag == SearchPath);
        path = path >= 0 ? path : _entries.FindIndex(entry => entry.Tag == OldSearchPath);
        if (path >= 0)
        {
            _entries[path] = new Entry(_entries[path].Tag, Add(strings, $"{searchPath}:{Text(stringsAt, _entries[path].Value)}"));
        }
        else
        {
            _entries.Add(new Entry(SearchPath, Add(strings, searchPath)));
        }

        // Its address is its place in the file, as that of the first segment is: kernels before 5.18 take that for granted of the program headers.
        int last = _segments.FindLastIndex(segment => segment.Type == Load);
        ulong start = RoundUp(Math.Max((ulong)_bytes.Length, _segments[last].Address + _segments[last].MemorySize));
        ulong dynamicAt = start + (ulong)((_segments.Count + 1) * SegmentSize);
        ulong newStrings = dynamicAt + (ulong)((_entries.Count + 1) * EntrySize);
        ulong end = newStrings + (ulong)strings.Length;
        if (_segments.Find(segment => segment.Type == Load)!.Address != 0)
        {
            throw new InvalidDataException("it is not position-independent");
        }

        _segments.Insert(last + 1, new Segment { Type = Load, Flags = Readable | Writable, Alignment = Page });
        _segments[last + 1].Place(start, end - start);
        _segments.Find(segment => segment.Type == ProgramHeaders)?.Place(start, dynamicAt - start);
        _segments.Find(segment => segment.Type == Dynamic)!.Place(dynamicAt, newStrings - dynamicAt);
        Replace(StringTable, newStrings);
        Replace(StringTableSize, (ulong)strings.Length);

        byte[] image = new byte[end];
        _bytes.CopyTo(image, 0);
        Write(image, SegmentsAt, start);
        image[SegmentCountAt] = (byte)_segments.Count;
        MoveSections(image, oldStrings, newStrings, (ulong)strings.Length, dynamicAt, newStrings - dynamicAt);
        int at = (int)start;
        _segments.ForEach(segment => at = segment.WriteTo(image, at));
        foreach (Entry entry in _entries)
        {
            Write(image, at, entry.Tag);
            Write(image, at + 8, entry.Value);
            at += EntrySize;
        }

        strings.ToArray().CopyTo(image, (int)newStrings);
        return image;
    }

    /// <summary>Debuggers read the sections, where the loader reads the segments.</summary>
    private void MoveSections(byte[] image, ulong oldStrings, ulong strings, ulong stringsSize, ulong dynamic, ulong dynamicSize)
    {
        int at = (int)Read64(SectionsAt);
        for (int i = 0; i < Read16(SectionCountAt); i++, at += SectionSize)
        {
            uint type = Read32(at + 4);
            if (type == DynamicSection || (type == StringSection && Read64(at + 16) == oldStrings))
            {
                ulong place = type == DynamicSection ? dynamic : strings;
                Write(image, at + 16, place);
                Write(image, at + 24, place);
                Write(image, at + 32, type == DynamicSection ? dynamicSize : stringsSize);
            }
        }
    }

    private static ulong Add(MemoryStream strings, string text)
    {
        ulong at = (ulong)strings.Length;
        byte[] bytes = Encoding.UTF8.GetBytes(text + "\0");
        strings.Write(bytes, 0, bytes.Length);
        return at;
    }

    private static ulong RoundUp(ulong address) => (address + Page - 1) / Page * Page;

    private ulong Value(ulong tag)
    {
        int index = _entries.FindIndex(entry => entry.Tag == tag);
        return index >= 0 ? _entries[index].Value : throw new InvalidDataException($"its dynamic section has no entry {tag}");
    }

    private void Replace(ulong tag, ulong value) => _entries[_entries.FindIndex(entry => entry.Tag == tag)] = new Entry(tag, value);

    private int OffsetOf(ulong address)
    {
        Segment? segment = _segments.Find(segment => segment.Type == Load && address - segment.Address < segment.FileSize);
        return segment is null ? throw new InvalidDataException($"nothing is at {address:x}") : (int)(address - segment.Address + segment.Offset);
    }

    private string Text(int strings, ulong offset)
    {
        int start = strings + (int)offset;
        return Encoding.UTF8.GetString(_bytes, start, Array.IndexOf(_bytes, (byte)0, start) - start);
    }

    private ushort Read16(int at) => BitConverter.ToUInt16(_bytes, at);

    private uint Read32(int at) => BitConverter.ToUInt32(_bytes, at);

    private ulong Read64(int at) => BitConverter.ToUInt64(_bytes, at);

    private static void Write(byte[] image, int at, ulong value) => BitConverter.GetBytes(value).CopyTo(image, at);

    private readonly struct Entry(ulong tag, ulong value)
    {
        internal readonly ulong Tag = tag, Value = value;
    }

    private sealed class Segment
    {
        internal uint Type, Flags;
        internal ulong Offset, Address, PhysicalAddress, FileSize, MemorySize, Alignment;

        internal void Place(ulong start, ulong size) => (Offset, Address, PhysicalAddress, FileSize, MemorySize) = (start, start, start, size, size);

        internal int WriteTo(byte[] image, int at)
        {
            Write(image, at, ((ulong)Flags << 32) | Type);
            foreach (ulong field in new[] { Offset, Address, PhysicalAddress, FileSize, MemorySize, Alignment })
            {
                Write(image, at += 8, field);
            }

            return at + 8;
        }
    }
}

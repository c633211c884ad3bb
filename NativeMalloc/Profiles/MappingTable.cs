using System;

namespace NativeMalloc;

/// <summary>A piece of a file that the process has mapped to execute it.</summary>
internal unsafe struct Mapping
{
    internal ulong Start;
    internal ulong End;
    internal ulong Offset;

    /// <summary>Where the file's start is mapped, or would be.</summary>
    internal ulong Base;

    internal byte* Name;
    internal int NameLength;
}

/// <summary>
/// The process's code, by addresses, as the kernel tells it. The pieces lie at the start of a piece of memory that somebody gave, their names at its end.
/// </summary>
internal unsafe struct MappingTable
{
    private const byte Slash = (byte)'/';

    private Mapping* _mappings;
    private byte* _names;

    internal int Count { get; private set; }

    /// <summary>Pieces for which there was no room.</summary>
    internal int Missed { get; private set; }

    /// <summary>Reads the file of mappings; where there is none, the table is empty.</summary>
    internal void Read(byte* maps, byte* memory, int bytes)
    {
        this = default;
        _mappings = (Mapping*)memory;
        _names = memory + bytes;
        FileBytes file = default;
        if (!file.Open(maps))
        {
            return;
        }

        Image previous = default;
        do
        {
            ReadLine(ref file, ref previous);
        }
        while (file.EndLine());
        file.Close();
    }

    internal readonly Mapping* this[int index] => _mappings + index;

    /// <summary>The piece's index; -1 if the address is in none.</summary>
    internal readonly int IndexOf(ulong address)
    {
        int first = 0;
        int end = Count;
        while (first < end)
        {
            int middle = (first + end) / 2;
            if (_mappings[middle].End <= address)
            {
                first = middle + 1;
            }
            else
            {
                end = middle;
            }
        }

        return first < Count && _mappings[first].Start <= address ? first : -1;
    }

    // What is mapped from no file has no path, or one in brackets.
    private void ReadLine(ref FileBytes file, ref Image previous)
    {
        MappingLine line = default;
        if (!line.TryRead(ref file))
        {
            return;
        }

        Image current = new() { Major = line.Major, Minor = line.Minor, Inode = line.Inode };
        current.Base = current.Continues(previous, line.Offset, line.CanExecute) ? previous.Base : line.Start - line.Offset;
        current.End = line.CanRead || line.CanExecute ? line.Offset + (line.End - line.Start) : previous.End;
        previous = current;
        if (line.CanExecute && file.Last is Slash or '[')
        {
            Add(ref file, new Mapping { Start = line.Start, End = line.End, Offset = line.Offset, Base = current.Base });
        }
    }

    private void Add(ref FileBytes file, Mapping mapping)
    {
        byte* name = (byte*)(_mappings + Count + 1);
        long room = _names - name;
        int length = 0;
        bool fits = room > 0;
        for (; fits && file.Last is not '\n' and not FileBytes.End; file.Next())
        {
            fits = length < room;
            if (fits)
            {
                name[length++] = (byte)file.Last;
            }
        }

        if (!fits)
        {
            Missed++;
            return;
        }

        length -= EndsWith(name, length, " (deleted)"u8) ? 10 : 0;
        if (*name == '[' && !EndsWith(name, length, "[vdso]"u8))
        {
            return; // [vsyscall], and whatever has no file that could be looked at
        }

        _names -= length;
        Shim.Move(_names, name, (nuint)length);
        mapping.Name = _names;
        mapping.NameLength = length;
        _mappings[Count++] = mapping;
    }

    private static bool EndsWith(byte* text, int length, ReadOnlySpan<byte> end)
    {
        for (int i = 0; i < end.Length; i++)
        {
            if (length < end.Length || text[length - end.Length + i] != end[i])
            {
                return false;
            }
        }

        return true;
    }

    // What is mapped.
    private struct Image
    {
        internal ulong Major;
        internal ulong Minor;
        internal ulong Inode;
        internal ulong Base;

        /// <summary>What follows in the file behind the piece, but for one between others that nobody may touch.</summary>
        internal ulong End;

        // Whether a piece is one of the same image: these follow one another in the file as in memory, and at most share a page. Programs map whole
        // files, too, to read their symbols, and the kernel likes to put that right below the image.
        internal readonly bool Continues(in Image other, ulong offset, bool isCode)
        {
            bool isSame = Inode != 0 && Major == other.Major && Minor == other.Minor && Inode == other.Inode;
            return isSame && offset + KernelPage.Size >= other.End && (offset != 0 || isCode);
        }
    }
}

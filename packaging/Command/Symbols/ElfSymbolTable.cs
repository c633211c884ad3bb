using System.Buffers.Binary;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>The functions that an ELF file's symbol tables name, by their addresses.</summary>
internal sealed class ElfSymbolTable
{
    private const int TypeFunction = 2, TypeIndirectFunction = 10; // STT_FUNC, STT_GNU_IFUNC
    private const int SectionSymbols = 2, SectionNote = 7, SectionDynamicSymbols = 11; // SHT_SYMTAB, SHT_NOTE, SHT_DYNSYM
    private const int SegmentLoad = 1; // PT_LOAD
    private const int SymbolBytes = 24;

    private readonly byte[] _file;
    private readonly List<(ulong Offset, ulong Bytes, ulong Address)> _segments = [];
    private readonly List<Symbol> _symbols = [];

    private readonly record struct Symbol(ulong Address, ulong Bytes, int Name, int Order);

    /// <summary>In small letters; empty if it has none.</summary>
    internal string BuildId { get; private set; } = "";

    internal bool IsEmpty => _symbols.Count == 0;

    private ElfSymbolTable(byte[] file) => _file = file;

    /// <summary>Of a file's text; null if that is no ELF file that can be read.</summary>
    internal static ElfSymbolTable? Of(byte[] file)
    {
        ElfSymbolTable table = new(file);
        try
        {
            return file.AsSpan().StartsWith("\u007fELF\u0002\u0001"u8) && table.Read() ? table : null;
        }
        catch (Exception error) when (error is ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            return null; // it points beyond its end
        }
    }

    /// <summary>The address that the file's headers give to what lies at that place of it.</summary>
    internal ulong? AddressOf(ulong offset)
    {
        foreach ((ulong start, ulong bytes, ulong address) in _segments)
        {
            if (offset - start < bytes)
            {
                return address + (offset - start);
            }
        }

        return null;
    }

    /// <summary>The function that lies around an address; null if none is known to.</summary>
    internal string? NameAt(ulong address)
    {
        int low = 0, high = _symbols.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _symbols[middle].Address <= address ? (middle + 1, high) : (low, middle);
        }

        if (low == 0)
        {
            return null;
        }

        // What is written in assembly may have no size: it ends where the next begins.
        Symbol symbol = _symbols[low - 1];
        ulong end = symbol.Bytes != 0 ? symbol.Address + symbol.Bytes : low < _symbols.Count ? _symbols[low].Address : ulong.MaxValue;
        return address < end ? TextAt(symbol.Name) : null;
    }

    private bool Read()
    {
        ulong segments = Long(32), sections = Long(40);
        for (int i = 0; i < Short(56); i++)
        {
            int at = (int)segments + i * Short(54);
            if (Word(at) == SegmentLoad)
            {
                _segments.Add((Long(at + 8), Long(at + 32), Long(at + 16)));
            }
        }

        int count = Short(60), size = Short(58);
        for (int i = 0; i < count && sections != 0; i++)
        {
            int at = (int)sections + i * size;
            uint type = Word(at + 4);
            int start = (int)Long(at + 24), bytes = (int)Long(at + 32);
            if (type is SectionSymbols or SectionDynamicSymbols)
            {
                AddSymbols(start, bytes, (int)Long((int)sections + (int)Word(at + 40) * size + 24));
            }
            else if (type == SectionNote)
            {
                ReadNotes(start, bytes);
            }
        }

        // Of several at one place the best known: one that other files see, and whose name was made for people.
        _symbols.Sort((one, other) => one.Address != other.Address ? one.Address.CompareTo(other.Address) : one.Order.CompareTo(other.Order));
        for (int i = _symbols.Count - 1; i > 0; i--)
        {
            if (_symbols[i].Address == _symbols[i - 1].Address)
            {
                _symbols[i] = default;
            }
        }

        _symbols.RemoveAll(symbol => symbol.Name == 0);
        return true;
    }

    // Elf64_Sym: the name, information, its section, address, size.
    private void AddSymbols(int start, int bytes, int names)
    {
        for (int at = start; at + SymbolBytes <= start + bytes; at += SymbolBytes)
        {
            int type = _file[at + 4] & 15, binding = _file[at + 4] >> 4;
            if (type is TypeFunction or TypeIndirectFunction && Short(at + 6) != 0 && Word(at) != 0)
            {
                int name = names + (int)Word(at);
                int underscores = _file[name] != '_' ? 0 : _file[name + 1] is (byte)'Z' or (byte)'R' ? 0 : 1;
                _symbols.Add(new Symbol(Long(at + 8), Long(at + 16), name, (binding == 0 ? 4 : 0) + underscores * 2 + (binding == 1 ? 0 : 1)));
            }
        }
    }

    private void ReadNotes(int start, int bytes)
    {
        for (int at = start; at + 12 <= start + bytes;)
        {
            int name = checked((int)Word(at) + 3) & ~3, length = checked((int)Word(at + 4));
            if (Word(at + 8) == 3 && _file.AsSpan(at + 12).StartsWith("GNU\0"u8)) // NT_GNU_BUILD_ID
            {
                BuildId = Convert.ToHexStringLower(_file.AsSpan(at + 12 + name, length));
            }

            at = checked(at + 12 + name + ((length + 3) & ~3));
        }
    }

    private string TextAt(int at)
    {
        ReadOnlySpan<byte> text = _file.AsSpan(at);
        int end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }

    private int Short(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_file.AsSpan(at));

    private uint Word(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_file.AsSpan(at));

    private ulong Long(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_file.AsSpan(at));
}

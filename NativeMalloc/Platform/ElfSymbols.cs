#pragma warning disable CS0649 // the linker's structures are only read
namespace NativeMalloc;

/// <summary>The symbols that a loaded object defines, from its own tables: for what no scope of the dynamic linker's would lead to.</summary>
/// <remarks>System V ABI, chapter 5 (dynamic section, symbol table, hash table), and the GNU hash table's layout.</remarks>
internal unsafe struct ElfSymbols
{
    private const long SystemVHash = 4;
    private const long StringTable = 5;
    private const long SymbolTable = 6;
    private const long GnuHash = 0x6ffffef5;

    private nuint _base;
    private byte* _strings;
    private ElfSymbol* _symbols;
    private uint* _gnuHash;
    private uint* _systemVHash;

    internal static ElfSymbols Of(LoadedObject* loaded)
    {
        ElfSymbols table = default;
        table._base = loaded->Base;
        for (Dynamic* entry = DynamicOf(loaded); entry != null && entry->Tag != 0; entry++)
        {
            // glibc has added the address at which the object was loaded; musl, and the kernel for its vdso, have not.
            byte* value = (byte*)(entry->Value < loaded->Base ? entry->Value + loaded->Base : entry->Value);
            switch (entry->Tag)
            {
                case StringTable:
                    table._strings = value;
                    break;
                case SymbolTable:
                    table._symbols = (ElfSymbol*)value;
                    break;
                case GnuHash:
                    table._gnuHash = (uint*)value;
                    break;
                case SystemVHash:
                    table._systemVHash = (uint*)value;
                    break;
            }
        }

        return table;
    }

    /// <summary>The first function of that name, or the next one behind <paramref name="previous"/> (names have versions); null if there is none.</summary>
    internal ElfSymbol* Find(byte* name, ElfSymbol* previous = null)
    {
        if (_strings == null || _symbols == null)
        {
            return null;
        }

        for (uint i = previous == null ? FirstIn(name) : NextTo((uint)(previous - _symbols)); i != 0; i = NextTo(i))
        {
            if (_symbols[i].IsDefinedFunction && Equal(NameOf(&_symbols[i]), name))
            {
                return &_symbols[i];
            }
        }

        return null;
    }

    internal ElfSymbol* First => _symbols;

    internal byte* NameOf(ElfSymbol* symbol) => _strings + symbol->Name;

    internal void* AddressOf(ElfSymbol* symbol) => (void*)(_base + symbol->Value);

    /// <summary>Makes the name lead to another function: for those who look it up from now on. The table must be writable.</summary>
    internal void Redirect(ElfSymbol* symbol, void* function) => symbol->Value = (nuint)function - _base;

    /// <summary>The table's length, which only the hash tables tell: GNU's last symbol ends the chain of the bucket that begins last.</summary>
    internal uint Count
    {
        get
        {
            if (_gnuHash == null)
            {
                return _systemVHash != null ? _systemVHash[1] : 0;
            }

            uint last = 0;
            for (uint i = 0; i < _gnuHash[0]; i++)
            {
                last = GnuBuckets[i] > last ? GnuBuckets[i] : last;
            }

            while (last != 0 && NextTo(last) != 0)
            {
                last++;
            }

            return last + 1;
        }
    }

    private uint* GnuBuckets => (uint*)((ulong*)(_gnuHash + 4) + _gnuHash[2]);

    // The first symbol with the name's hash, or of its bucket; 0 if there is none.
    private uint FirstIn(byte* name)
    {
        if (_gnuHash != null)
        {
            uint hash = 5381;
            for (byte* c = name; *c != 0; c++)
            {
                hash = hash * 33 + *c;
            }

            // A filter of two bits for each symbol spares most objects the rest.
            ulong word = ((ulong*)(_gnuHash + 4))[hash / 64 % _gnuHash[2]];
            bool passes = (word >> (int)(hash % 64) & word >> (int)((hash >> (int)_gnuHash[3]) % 64) & 1) != 0;
            return passes ? GnuBuckets[hash % _gnuHash[0]] : 0;
        }

        if (_systemVHash != null)
        {
            uint hash = 0;
            for (byte* c = name; *c != 0; c++)
            {
                hash = (hash << 4) + *c;
                uint high = hash & 0xf0000000;
                hash = (hash ^ high >> 24) & ~high;
            }

            return _systemVHash[2 + hash % _systemVHash[0]];
        }

        return 0;
    }

    // The next one of the same bucket; 0 at its end.
    private uint NextTo(uint symbol)
    {
        if (_gnuHash == null)
        {
            return _systemVHash[2 + _systemVHash[0] + symbol];
        }

        uint* chain = GnuBuckets + _gnuHash[0];
        return (chain[symbol - _gnuHash[1]] & 1) == 0 ? symbol + 1 : 0;
    }

    private static Dynamic* DynamicOf(LoadedObject* loaded)
    {
        for (int i = 0; i < loaded->SegmentCount; i++)
        {
            if (loaded->Segments[i].Type == Segment.Dynamic)
            {
                return (Dynamic*)(loaded->Base + loaded->Segments[i].Address);
            }
        }

        return null;
    }

    private static bool Equal(byte* first, byte* second)
    {
        while (*first != 0 && *first == *second)
        {
            first++;
            second++;
        }

        return *first == *second;
    }

    private struct Dynamic
    {
        internal long Tag;
        internal nuint Value;
    }
}

/// <summary>Elf64_Sym.</summary>
internal struct ElfSymbol
{
    internal uint Name;
    internal byte Info;
    internal byte Other;
    internal ushort Section;
    internal nuint Value;
    internal nuint Size;

    // Not what the object only refers to, nor data, nor what is to be called to find out where the function is.
    internal readonly bool IsDefinedFunction => Section != 0 && (Info & 0xf) == 2;
}

/// <summary>struct dl_phdr_info, as far as it is read.</summary>
internal unsafe struct LoadedObject
{
    internal nuint Base;
    internal byte* Name;
    internal Segment* Segments;
    internal ushort SegmentCount;
}

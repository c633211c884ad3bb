#pragma warning disable CS0649 // the linker's structures are only read
namespace NativeMalloc;

/// <summary>Symbols of a loaded object, from its own tables: for names that no scope of the dynamic linker's would lead to.</summary>
/// <remarks>System V ABI, chapter 5 (dynamic section, symbol table), and the GNU hash table's layout.</remarks>
internal static unsafe class ElfSymbols
{
    private const uint DynamicSegment = 2;
    private const long StringTable = 5;
    private const long SymbolTable = 6;
    private const long GnuHash = 0x6ffffef5;
    private const long SystemVHash = 4;

    /// <summary>The address of a function that the object defines and that is not this library's; null if there is none.</summary>
    internal static void* Find(LoadedObject* loaded, byte* name, nint length)
    {
        byte* strings = null;
        Symbol* symbols = null;
        uint* gnuHash = null;
        uint* systemVHash = null;
        for (Dynamic* entry = DynamicOf(loaded); entry != null && entry->Tag != 0; entry++)
        {
            // glibc has added the address at which the object was loaded; musl, and the kernel for its vdso, have not.
            byte* value = (byte*)(entry->Value < loaded->Base ? entry->Value + loaded->Base : entry->Value);
            switch (entry->Tag)
            {
                case StringTable:
                    strings = value;
                    break;
                case SymbolTable:
                    symbols = (Symbol*)value;
                    break;
                case GnuHash:
                    gnuHash = (uint*)value;
                    break;
                case SystemVHash:
                    systemVHash = (uint*)value;
                    break;
            }
        }

        if (strings == null || symbols == null)
        {
            return null;
        }

        uint count = gnuHash != null ? CountOf(gnuHash) : systemVHash != null ? systemVHash[1] : 0;
        for (uint i = 1; i < count; i++)
        {
            if (symbols[i].Section != 0 && Equal(strings + symbols[i].Name, name, length))
            {
                void* address = (void*)(loaded->Base + symbols[i].Value);
                if (Shim.IsOwnFunction(address) == 0)
                {
                    return address;
                }
            }
        }

        return null;
    }

    private static Dynamic* DynamicOf(LoadedObject* loaded)
    {
        for (int i = 0; i < loaded->SegmentCount; i++)
        {
            if (loaded->Segments[i].Type == DynamicSegment)
            {
                return (Dynamic*)(loaded->Base + loaded->Segments[i].Address);
            }
        }

        return null;
    }

    // The table does not say; the last symbol ends the chain of the bucket that begins last.
    private static uint CountOf(uint* table)
    {
        uint buckets = table[0];
        uint firstHashed = table[1];
        uint* bucket = (uint*)((ulong*)(table + 4) + table[2]);
        uint* chain = bucket + buckets;
        uint last = 0;
        for (uint i = 0; i < buckets; i++)
        {
            last = bucket[i] > last ? bucket[i] : last;
        }

        if (last < firstHashed)
        {
            return firstHashed;
        }

        while ((chain[last - firstHashed] & 1) == 0)
        {
            last++;
        }

        return last + 1;
    }

    private static bool Equal(byte* symbol, byte* name, nint length)
    {
        for (nint i = 0; i < length; i++)
        {
            if (symbol[i] != name[i])
            {
                return false;
            }
        }

        return symbol[length] == 0;
    }

    private struct Dynamic
    {
        internal long Tag;
        internal nuint Value;
    }

    private struct Symbol
    {
        internal uint Name;
        internal byte Info;
        internal byte Other;
        internal ushort Section;
        internal nuint Value;
        internal nuint Size;
    }
}

/// <summary>struct dl_phdr_info, as far as it is read.</summary>
internal unsafe struct LoadedObject
{
    internal nuint Base;
    internal byte* Name;
    internal Segment* Segments;
    internal ushort SegmentCount;
}

/// <summary>Elf64_Phdr.</summary>
internal struct Segment
{
    internal uint Type;
    internal uint Flags;
    internal nuint Offset;
    internal nuint Address;
    internal nuint PhysicalAddress;
    internal nuint FileBytes;
    internal nuint MemoryBytes;
    internal nuint Alignment;
}

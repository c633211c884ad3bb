using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Memory for signal handlers that interrupted a slow path of their own thread: 256 KiB in units of 64 bytes, and mappings for what
/// is larger, both given and taken with single atomic instructions. When it is spent, such a handler's malloc fails.
/// </summary>
internal static unsafe class Reserve
{
    private const int UnitBytes = 64;
    private const int UnitsPerWord = 64;
    private const int Words = 64;
    private const int Bytes = Words * UnitsPerWord * UnitBytes;
    private const int Mappings = 64;
    private const ulong Claimed = 1;

    private struct Root
    {
        internal fixed ulong InUse[Words];
        internal fixed ulong Starts[Mappings];
        internal fixed ulong Lengths[Mappings];
        internal fixed byte UnitsOf[Words * UnitsPerWord];
        internal fixed byte Memory[Bytes + UnitBytes];

        // No mapping of that number, or a higher one, has been made yet.
        internal int MappingsEnd;
    }

    private static Root s_root;

    private static Root* RootPointer => (Root*)Unsafe.AsPointer(ref s_root);

    private static nuint Start => ((nuint)RootPointer->Memory + UnitBytes - 1) & ~(nuint)(UnitBytes - 1);

    /// <summary>A block; null if the reserve is spent. <paramref name="alignment"/> is a power of two.</summary>
    internal static void* Allocate(nuint size, nuint alignment)
    {
        if (size > UnitsPerWord * UnitBytes || alignment > UnitBytes)
        {
            return size <= LargeBlocks.MaxSize / 2 && alignment <= LargeBlocks.MaxSize / 2 ? Map(size, alignment) : null;
        }

        int units = size == 0 ? 1 : (int)((size + UnitBytes - 1) / UnitBytes);
        ulong mask = MaskOf(units);
        for (int word = 0; word < Words; word++)
        {
            ref long place = ref Unsafe.As<ulong, long>(ref RootPointer->InUse[word]);
            for (int first = 0; first + units <= UnitsPerWord; first++)
            {
                ulong wanted = mask << first;
                ulong inUse = Volatile.Read(ref RootPointer->InUse[word]);
                if ((inUse & wanted) != 0)
                {
                    continue;
                }

                if (Interlocked.CompareExchange(ref place, (long)(inUse | wanted), (long)inUse) == (long)inUse)
                {
                    int unit = word * UnitsPerWord + first;
                    RootPointer->UnitsOf[unit] = (byte)units;
                    return (void*)(Start + (nuint)unit * UnitBytes);
                }

                first--; // somebody else was at this word
            }
        }

        return null;
    }

    /// <summary>Bytes of a block of the reserve; 0 if it is none.</summary>
    internal static nuint SizeOf(void* block)
    {
        nuint offset = (nuint)block - Start;
        if (offset < Bytes)
        {
            return offset % UnitBytes == 0 ? (nuint)RootPointer->UnitsOf[offset / UnitBytes] * UnitBytes : 0;
        }

        int mapping = FindMapping(block);
        return mapping < 0 ? 0 : (nuint)RootPointer->Lengths[mapping];
    }

    /// <summary>Takes a block back; false if it is none of the reserve.</summary>
    internal static bool TryFree(void* block)
    {
        nuint size = SizeOf(block);
        if (size == 0)
        {
            return false;
        }

        nuint offset = (nuint)block - Start;
        if (offset >= Bytes)
        {
            RootPointer->Starts[FindMapping(block)] = 0;
            Os.Unmap((byte*)block, size);
            return true;
        }

        int unit = (int)(offset / UnitBytes);
        ulong mask = MaskOf((int)(size / UnitBytes)) << unit % UnitsPerWord;
        RootPointer->UnitsOf[unit] = 0;
        ref long place = ref Unsafe.As<ulong, long>(ref RootPointer->InUse[unit / UnitsPerWord]);
        long inUse;
        do
        {
            inUse = (long)Volatile.Read(ref RootPointer->InUse[unit / UnitsPerWord]);
        }
        while (Interlocked.CompareExchange(ref place, inUse & (long)~mask, inUse) != inUse);
        return true;
    }

    private static ulong MaskOf(int units) => ulong.MaxValue >> (UnitsPerWord - units);

    private static int FindMapping(void* block)
    {
        int end = Volatile.Read(ref RootPointer->MappingsEnd);
        for (int i = 0; i < end; i++)
        {
            if (RootPointer->Starts[i] == (ulong)block)
            {
                return i;
            }
        }

        return -1;
    }

    private static void* Map(nuint size, nuint alignment)
    {
        alignment = alignment < 4096 ? 4096 : alignment;
        size = (size + 4095) & ~(nuint)4095;
        size = size == 0 ? 4096 : size;
        for (int i = 0; i < Mappings; i++)
        {
            if (Interlocked.CompareExchange(ref Unsafe.As<ulong, long>(ref RootPointer->Starts[i]), (long)Claimed, 0) != 0)
            {
                continue;
            }

            int end;
            do
            {
                end = Volatile.Read(ref RootPointer->MappingsEnd);
            }
            while (end <= i && Interlocked.CompareExchange(ref RootPointer->MappingsEnd, i + 1, end) != end);

            byte* memory = Os.Map(size + alignment - 4096);
            if (memory == null)
            {
                RootPointer->Starts[i] = 0;
                return null;
            }

            byte* start = (byte*)(((nuint)memory + alignment - 1) & ~(alignment - 1));
            if (start > memory)
            {
                Os.Unmap(memory, (nuint)(start - memory));
            }

            nuint behind = (nuint)(memory + size + alignment - 4096 - (start + size));
            if (behind > 0)
            {
                Os.Unmap(start + size, behind);
            }

            RootPointer->Lengths[i] = size;
            Interlocked.Exchange(ref Unsafe.As<ulong, long>(ref RootPointer->Starts[i]), (long)start);
            return start;
        }

        return null;
    }
}

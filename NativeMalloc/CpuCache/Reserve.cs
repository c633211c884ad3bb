using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Memory for who may not wait for a lock: signal handlers that interrupted a slow path of their own thread, and threads that a fork keeps
/// waiting. Regions in units of 64 bytes, the first of 256 KiB and always there, each further one twice as large as the one before; what is
/// larger than 4 KiB has a mapping of its own (<see cref="ReserveMappings"/>). All is given and taken with single atomic instructions.
/// </summary>
internal static unsafe class Reserve
{
    private const int UnitBytes = 64;
    private const int UnitsPerWord = 64;

    /// <summary>The most of a block of a region, and of its alignment: the units that a word stands for.</summary>
    private const nuint MaxBytes = UnitsPerWord * UnitBytes;

    private const int FirstWords = 64;

    private static First s_first;

    // The regions after the first, the newest first, linked by Next.
    private static nint s_newest;

    /// <summary>A region: bits of the units in use, and for each at which a block begins the block's units. Its memory begins at a multiple of 4 KiB.</summary>
    private struct Region
    {
        internal Region* Next;
        internal byte* Memory;
        internal ulong* InUse;
        internal byte* UnitsOf;
        internal int Words;

        // Where the last block was found: a guess.
        internal int Hand;
    }

    private struct First
    {
        internal Region Region;
        internal fixed ulong InUse[FirstWords];
        internal fixed byte UnitsOf[FirstWords * UnitsPerWord];
        internal fixed byte Memory[(FirstWords + 1) * (int)MaxBytes];
    }

    private static Region* Newest => (Region*)Volatile.Read(ref s_newest);

    /// <summary>A block; null if there is no memory. <paramref name="alignment"/> is a power of two.</summary>
    internal static void* Allocate(nuint size, nuint alignment)
    {
        if (size > MaxBytes || alignment > MaxBytes)
        {
            return ReserveMappings.Allocate(size, alignment);
        }

        int units = size == 0 ? 1 : (int)((size + UnitBytes - 1) / UnitBytes);
        ulong places = PlacesFor((int)(alignment / UnitBytes));
        void* block = Take(GetFirst(), units, places);
        while (block == null)
        {
            Region* newest = Newest;
            for (Region* region = newest; block == null && region != null; region = region->Next)
            {
                block = Take(region, units, places);
            }

            if (block == null && newest == Newest && !Extend(newest))
            {
                return null;
            }
        }

        return block;
    }

    /// <summary>Bytes of a block of the reserve; 0 if it is none.</summary>
    internal static nuint SizeOf(void* block)
    {
        Region* region = RegionOf(block, out int unit);
        return region != null ? (nuint)region->UnitsOf[unit] * UnitBytes : ReserveMappings.SizeOf(block);
    }

    /// <summary>Takes a block back; false if it is none of the reserve.</summary>
    internal static bool TryFree(void* block)
    {
        Region* region = RegionOf(block, out int unit);
        if (region == null)
        {
            return ReserveMappings.TryFree(block);
        }

        int units = region->UnitsOf[unit];
        if (units == 0)
        {
            return false;
        }

        region->UnitsOf[unit] = 0;
        ulong mask = MaskOf(units) << unit % UnitsPerWord;
        ulong* word = region->InUse + unit / UnitsPerWord;
        ulong inUse;
        do
        {
            inUse = Volatile.Read(ref *word);
        }
        while (Interlocked.CompareExchange(ref *(long*)word, (long)(inUse & ~mask), (long)inUse) != (long)inUse);
        return true;
    }

    // Whoever comes first writes what all others would.
    private static Region* GetFirst()
    {
        First* first = (First*)Unsafe.AsPointer(ref s_first);
        first->Region.InUse = first->InUse;
        first->Region.UnitsOf = first->UnitsOf;
        first->Region.Memory = (byte*)(((nuint)first->Memory + MaxBytes - 1) & ~(MaxBytes - 1));
        Volatile.Write(ref first->Region.Words, FirstWords);
        return &first->Region;
    }

    // Each word has its units, a byte for each of them, and 8 bytes.
    private static bool Extend(Region* newest)
    {
        int words = newest != null ? newest->Words * 2 : FirstWords * 2;
        nuint headers = (nuint)sizeof(Region) + (nuint)words * (sizeof(ulong) + UnitsPerWord);
        headers = (headers + MaxBytes - 1) & ~(MaxBytes - 1);
        nuint bytes = headers + (nuint)words * MaxBytes;
        byte* memory = Os.Map(bytes);
        if (memory == null)
        {
            return false;
        }

        MappingNames.Give(memory, bytes, MappingNames.Heap);
        Region* region = (Region*)memory;
        region->Next = newest;
        region->InUse = (ulong*)(region + 1);
        region->UnitsOf = (byte*)(region->InUse + words);
        region->Memory = memory + headers;
        region->Words = words;
        if (Interlocked.CompareExchange(ref Unsafe.As<nint, long>(ref s_newest), (nint)region, (nint)newest) != (nint)newest)
        {
            Os.Unmap(memory, bytes); // somebody else has extended it meanwhile
        }

        return true;
    }

    // A row of free units that begins at one of those places of a word; null if there is none.
    private static void* Take(Region* region, int units, ulong places)
    {
        ulong mask = MaskOf(units);
        int hand = Volatile.Read(ref region->Hand);
        for (int passed = 0; passed < region->Words; passed++)
        {
            int number = (hand + passed) % region->Words;
            ulong* word = region->InUse + number;
            ulong inUse = Volatile.Read(ref *word);
            ulong starts = StartsOf(~inUse, units) & places;
            while (starts != 0)
            {
                int first = BitOperations.TrailingZeroCount(starts);
                if (Interlocked.CompareExchange(ref *(long*)word, (long)(inUse | (mask << first)), (long)inUse) == (long)inUse)
                {
                    int unit = number * UnitsPerWord + first;
                    region->Hand = number;
                    region->UnitsOf[unit] = (byte)units;
                    return region->Memory + (nuint)unit * UnitBytes;
                }

                inUse = Volatile.Read(ref *word); // somebody else was at this word
                starts = StartsOf(~inUse, units) & places;
            }
        }

        return null;
    }

    // The bits at which a row of so many begins.
    private static ulong StartsOf(ulong bits, int row)
    {
        for (int known = 1; known < row;)
        {
            int step = known < row - known ? known : row - known;
            bits &= bits >> step;
            known += step;
        }

        return bits;
    }

    // Every so many bits one, from the lowest on.
    private static ulong PlacesFor(int distance)
    {
        ulong places = 1;
        for (int covered = distance > 1 ? distance : 1; covered < UnitsPerWord; covered *= 2)
        {
            places |= places << covered;
        }

        return places;
    }

    private static ulong MaskOf(int units) => ulong.MaxValue >> (UnitsPerWord - units);

    // Null if the block lies in no region; a region without units, if it begins at none.
    private static Region* RegionOf(void* block, out int unit)
    {
        Region* region = &((First*)Unsafe.AsPointer(ref s_first))->Region;
        Region* next = Newest;
        while (region != null)
        {
            nuint offset = (nuint)block - (nuint)region->Memory;
            if (offset < (nuint)region->Words * MaxBytes)
            {
                unit = (int)(offset / UnitBytes);
                return offset % UnitBytes == 0 ? region : null;
            }

            region = next;
            next = region != null ? region->Next : null;
        }

        unit = 0;
        return null;
    }
}

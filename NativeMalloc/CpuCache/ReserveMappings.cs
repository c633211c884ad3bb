using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>The blocks of the <see cref="Reserve"/> that are mappings of their own, in tables that are never given up.</summary>
internal static unsafe class ReserveMappings
{
    private const int Places = 254;
    private const ulong Claimed = 1;

    private static Table s_first;

    // A page, but for the first.
    private struct Table
    {
        internal nint Next;

        // No place of that number, or a higher one, has been used yet.
        internal int End;
        internal fixed ulong Starts[Places];
        internal fixed ulong Lengths[Places];
    }

    private static Table* First => (Table*)Unsafe.AsPointer(ref s_first);

    internal static void* Allocate(nuint size, nuint alignment)
    {
        if (size > LargeBlocks.MaxSize / 2 || alignment > LargeBlocks.MaxSize / 2)
        {
            return null;
        }

        ulong* place = ClaimPlace(out ulong* length);
        if (place == null)
        {
            return null;
        }

        alignment = alignment < KernelPage.Size ? KernelPage.Size : alignment;
        size = ((size > 0 ? size : 1) + PageMap.PageSize - 1) & ~(PageMap.PageSize - 1);
        byte* memory = Os.Map(size + alignment - KernelPage.Size);
        if (memory == null)
        {
            *place = 0;
            return null;
        }

        byte* start = (byte*)(((nuint)memory + alignment - 1) & ~(alignment - 1));
        if (start > memory)
        {
            Os.Unmap(memory, (nuint)(start - memory));
        }

        nuint behind = (nuint)(memory + alignment - KernelPage.Size - start);
        if (behind > 0)
        {
            Os.Unmap(start + size, behind);
        }

        MappingNames.Give(start, size, MappingNames.Heap);
        *length = size;
        Interlocked.Exchange(ref *(long*)place, (long)start);
        return start;
    }

    internal static nuint SizeOf(void* block)
    {
        ulong* place = Find(block, out ulong* length);
        return place != null ? (nuint)(*length) : 0;
    }

    internal static bool TryFree(void* block)
    {
        ulong* place = Find(block, out ulong* length);
        if (place == null)
        {
            return false;
        }

        nuint bytes = (nuint)(*length);
        *place = 0;
        Os.Unmap((byte*)block, bytes);
        return true;
    }

    private static ulong* Find(void* block, out ulong* length)
    {
        // Places that are free, or claimed, hold no such address.
        bool isPage = block != null && (nuint)block % KernelPage.Size == 0;
        for (Table* table = isPage ? First : null; table != null; table = (Table*)Volatile.Read(ref table->Next))
        {
            int end = Volatile.Read(ref table->End);
            for (int place = 0; place < end; place++)
            {
                if (table->Starts[place] == (ulong)block)
                {
                    length = &table->Lengths[place];
                    return &table->Starts[place];
                }
            }
        }

        length = null;
        return null;
    }

    // Null if there is no memory for another table.
    private static ulong* ClaimPlace(out ulong* length)
    {
        for (Table* table = First; table != null; table = NextOf(table))
        {
            for (int place = 0; place < Places; place++)
            {
                if (table->Starts[place] == 0 && Interlocked.CompareExchange(ref *(long*)&table->Starts[place], (long)Claimed, 0) == 0)
                {
                    RaiseEnd(table, place + 1);
                    length = &table->Lengths[place];
                    return &table->Starts[place];
                }
            }
        }

        length = null;
        return null;
    }

    private static void RaiseEnd(Table* table, int end)
    {
        int before;
        do
        {
            before = Volatile.Read(ref table->End);
        }
        while (before < end && Interlocked.CompareExchange(ref table->End, end, before) != before);
    }

    // Made if there is none yet.
    private static Table* NextOf(Table* table)
    {
        if (Volatile.Read(ref table->Next) == 0)
        {
            byte* next = Os.Map((nuint)sizeof(Table));
            if (next == null)
            {
                return null;
            }

            if (Interlocked.CompareExchange(ref *(long*)&table->Next, (long)next, 0) != 0)
            {
                Os.Unmap(next, (nuint)sizeof(Table)); // somebody else was first
            }
        }

        return (Table*)Volatile.Read(ref table->Next);
    }
}

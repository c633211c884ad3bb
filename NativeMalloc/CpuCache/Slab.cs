using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The cached objects of one CPU, or of one thread: for each class a stack of pointers.
/// </summary>
/// <remarks>
/// The headers, first, belong to the restartable sequences: {current, end} of each class, byte offsets from the slab, changed
/// only by a sequence on the slab's own CPU, or by whoever has stopped the slab. At {0, 0}, where every class begins, a class
/// is both empty and full; the word that a pop then reads is in the zero line below the headers (<see cref="Bottom"/>).
/// The rest is for the slow paths, under the lock. The stacks lie behind the structure and are cut off as classes come
/// into use; a class that outgrows its stack gets a larger one, while it is empty, and leaves the old one behind; when the slab's end is
/// reached, all are taken back and cut anew. Invariants of a class that has a stack: the word below its begin is zero;
/// begin &lt;= current &lt;= end &lt;= limit.
/// </remarks>
internal unsafe struct Slab
{
    /// <summary>Zero bytes before every slab: a cache line, though the sequences read only its last word.</summary>
    internal const int Bottom = 64;

    internal fixed ulong Headers[ShimLayout.SlabClasses];

    /// <summary>Held while capacities and stacks change, and while the slab is stopped.</summary>
    internal FutexLock Lock;

    /// <summary>A CPU's slab: its place in the table of CPUs.</summary>
    internal int Index;

    /// <summary>A thread's slab: the table in which every entry is this slab.</summary>
    internal nint* OwnTable;

    /// <summary>A thread's slab: whose it is.</summary>
    internal ThreadState* Owner;

    /// <summary>A thread's slab: the neighbours in the list of slabs in use; Next also links those left over.</summary>
    internal Slab* Next;
    internal Slab* Previous;

    /// <summary>The last request to give everything back that was obeyed (<see cref="SlabDrain"/>).</summary>
    internal int DrainsObeyed;

    /// <summary>The slab's slow paths.</summary>
    internal uint Ticks;

    /// <summary>When the slab's present period began, by <see cref="Clock"/>.</summary>
    internal long PeriodStart;

    /// <summary>Batches that came and went since <see cref="SlabDrain.OwnIdle"/> last looked, and whether that was in this period.</summary>
    internal uint Moved;
    internal bool LookedForIdle;

    /// <summary>Where each class's stack ended when <see cref="SlabDrain.OwnIdle"/> last looked, and how often the class had come to its slow paths.</summary>
    internal fixed ulong StateBefore[SizeClasses.Count];

    /// <summary>When <see cref="Upkeep"/> last looked at the clock, and how often it will not.</summary>
    internal long LastTick;
    internal int TicksToSkip;

    /// <summary>What the stacks came to when <see cref="IsIdle"/> last looked.</summary>
    internal ulong Mark;

    /// <summary>The class from which room is taken next.</summary>
    internal int Hand;

    /// <summary>Bytes of objects that the classes' capacities admit, and the most that they may.</summary>
    internal nint CapacityBytes;
    internal nint BudgetBytes;

    /// <summary>A CPU's slab: its part of what all have, and the questions that say what it should be (<see cref="CpuSlabs.ShareBudget"/>).</summary>
    internal int Part;
    internal long Asked;
    internal long AskedBefore;

    /// <summary>Where the next stack is cut off, where it was at most, and where the slab ends.</summary>
    internal uint Cut;
    internal uint MostCut;
    internal uint Bytes;

    /// <summary>The period (its <see cref="PeriodStart"/>) in which all stacks were taken back to be cut anew.</summary>
    internal long StacksTakenBack;

    internal fixed uint Begins[SizeClasses.Count];
    internal fixed uint Limits[SizeClasses.Count];

    /// <summary>Times that a class has asked in vain since the budget was last moved in its favour; below zero where there was nothing to move.</summary>
    internal fixed sbyte Waits[SizeClasses.Count];

    internal fixed long Underflows[SizeClasses.Count];

    /// <summary>Bytes asked for by the allocations that were counted so, before they were rounded up to the class.</summary>
    internal fixed long Requested[SizeClasses.Count];
    internal fixed long Overflows[SizeClasses.Count];

    /// <summary>Makes a slab of <paramref name="bytes"/> bytes of zeroed memory.</summary>
    internal static Slab* Create(byte* memory, uint bytes, nint budgetBytes)
    {
        Slab* slab = (Slab*)(memory + Bottom);
        slab->Cut = (uint)sizeof(Slab);
        slab->MostCut = slab->Cut;
        slab->Bytes = bytes - Bottom;
        slab->BudgetBytes = budgetBytes;
        return slab;
    }

    /// <summary>It holds objects, and no stack of it has changed since this was last asked.</summary>
    internal bool IsIdle()
    {
        ulong mark = 0;
        bool any = false;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            uint current = Current(Volatile.Read(ref Headers[sizeClass]));
            any |= current != Begins[sizeClass];
            mark = mark * 31 + current;
        }

        bool same = mark == Mark;
        Mark = mark;
        return any && same;
    }

    /// <summary>The header of a class, as it is at this moment.</summary>
    internal static ulong HeaderOf(Slab* slab, nuint sizeClass) => Volatile.Read(ref slab->Headers[sizeClass]);

    internal static uint Current(ulong header) => (uint)header;

    internal static uint End(ulong header) => (uint)(header >> 32);

    internal static ulong Header(uint current, uint end) => (ulong)end << 32 | current;

    /// <summary>Objects of a class that are cached, as of this moment.</summary>
    internal static int CountOf(Slab* slab, nuint sizeClass) =>
        (int)(Current(HeaderOf(slab, sizeClass)) - slab->Begins[sizeClass]) / sizeof(void*);

    /// <summary>The object of a class that was given last, or null.</summary>
    internal static void* TopOf(Slab* slab, nuint sizeClass) => *((void**)((byte*)slab + Current(HeaderOf(slab, sizeClass))) - 1);

    /// <summary>Objects of a class that there is room for in all.</summary>
    internal static int CapacityOf(Slab* slab, nuint sizeClass) => (int)(End(HeaderOf(slab, sizeClass)) - slab->Begins[sizeClass]) / sizeof(void*);

    /// <summary>Objects of a class that there is still room for, as of this moment.</summary>
    internal static int RoomOf(Slab* slab, nuint sizeClass)
    {
        ulong header = HeaderOf(slab, sizeClass);
        return (int)(End(header) - Current(header)) / sizeof(void*);
    }

    /// <summary>
    /// Takes up to <paramref name="count"/> objects from a slab that no sequence can be in: a stopped one, or the caller's own.
    /// </summary>
    internal static int TakeStopped(Slab* slab, nuint sizeClass, void** objects, int count)
    {
        ulong header = slab->Headers[sizeClass];
        uint current = Current(header);
        int taken = 0;
        while (taken < count && current > slab->Begins[sizeClass])
        {
            current -= (uint)sizeof(void*);
            objects[taken++] = *(void**)((byte*)slab + current);
        }

        slab->Headers[sizeClass] = Header(current, End(header));
        return taken;
    }
}

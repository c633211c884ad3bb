using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The cached objects of one CPU, or of one thread: for each class a stack of pointers.
/// </summary>
/// <remarks>
/// The headers, first, belong to the restartable sequences: {current, end} of each class, byte offsets from the slab, changed
/// only by a sequence on the slab's own CPU, or by whoever has stopped the slab. At {0, 0}, where every class begins, a class
/// is both empty and full; the word that a pop then reads is in the zero line below the headers (<see cref="Bottom"/>).
/// The rest is for the slow paths. The stacks lie behind the structure and are cut off as classes come into use; a class that outgrows
/// its stack gets a larger one, while it is empty, and leaves the old one behind; when the slab's end is reached, all are taken back and
/// cut anew (SlabStacks.cs). Invariants of a class that has a stack: the word below its begin is zero; begin &lt;= current &lt;= end &lt;= limit.
///
/// What may be read without the lock. A thread on a slow path may have left the slab's CPU, and others come by meanwhile:
/// - A header is one word. It may be out of date, but current and end are of one moment (<see cref="RoomOf"/>).
/// - Where stacks begin and end changes under the lock, and not at the same moment as the header. Without the lock both may be of two stacks: so
///   these fields are private, and <see cref="CountOf"/> and <see cref="CapacityOf"/> answer within bounds, from none to what a slab has room for,
///   whatever they see. Who holds the lock gets the truth from them.
/// - CapacityBytes is changed under the lock; read alone, it is a value that it had. The budget and the measures (from BudgetBytes on) are
///   written without it, each alone: two threads may lose one of their updates, and nothing depends on two of them agreeing.
/// </remarks>
internal unsafe partial struct Slab
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

    /// <summary>Bytes of objects that the classes' capacities admit. Changes under the lock.</summary>
    internal nint CapacityBytes;

    /// <summary>Those of them that are of large objects (<see cref="SizeClasses.IsLarge"/>). Changes under the lock.</summary>
    internal nint LargeBytes;

    /// <summary>Under the lock: the class from which room is taken next.</summary>
    internal int Hand;

    /// <summary>Under the lock: the period (its <see cref="Period"/>) in which all stacks were taken back to be cut anew.</summary>
    internal long StacksTakenBack;

    /// <summary>By the release thread, or a thread that is alone: what the stacks came to when <see cref="IsIdle"/> last looked.</summary>
    internal ulong Mark;

    /// <summary>The most that <see cref="CapacityBytes"/> may come to, and <see cref="LargeBytes"/>.</summary>
    internal nint BudgetBytes;
    internal nint LargeBudgetBytes;

    /// <summary>Bytes of large objects that came from the transfer caches, and that went there for want of room, since it was made.</summary>
    internal long LargeCame;
    internal long LargeWent;

    /// <summary>A CPU's slab: its part of what all have, and the bytes that all had moved when that was last found out.</summary>
    internal int Part;
    internal long AllMovedBefore;

    /// <summary>The last request to give everything back that was obeyed (<see cref="SlabDrain"/>).</summary>
    internal int DrainsObeyed;

    /// <summary>How many periods had ended when the slab last did what is to be done then (<see cref="Upkeep"/>).</summary>
    internal long Period;

    /// <summary>Bytes that came from the transfer caches and that went there in this period, and batches since <see cref="SlabDrain.OwnIdle"/> last looked.</summary>
    internal long Moved;
    internal uint Batches;

    /// <summary>Bytes that came from the transfer caches, less those that left, since somebody last looked what all came to (<see cref="Occupancy"/>).</summary>
    internal long Flow;

    /// <summary>This slab's part of <see cref="AllocatedBytes"/>.</summary>
    internal long Allocated;

    /// <summary>Where each class's stack ended when <see cref="SlabDrain.OwnIdle"/> last looked, and how often the class had come to its slow paths.</summary>
    internal fixed ulong StateBefore[SizeClasses.Count];

    /// <summary>Times that a class has asked in vain since the budget was last moved in its favour.</summary>
    internal fixed sbyte Waits[SizeClasses.Count];

    internal fixed long Underflows[SizeClasses.Count];

    /// <summary>Bytes asked for by the allocations that were counted so, before they were rounded up to the class.</summary>
    internal fixed long Requested[SizeClasses.Count];
    internal fixed long Overflows[SizeClasses.Count];

    // Where the next stack is cut off, where it was at most, and where the slab ends.
    private uint _cut;
    private uint _mostCut;
    private uint _bytes;

    // Of each class's stack; 0 where it has none.
    private fixed uint _begins[SizeClasses.Count];
    private fixed uint _limits[SizeClasses.Count];

    /// <summary>It holds objects, and no stack of it has changed since this was last asked.</summary>
    internal bool IsIdle()
    {
        ulong mark = 0;
        bool any = false;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            uint current = Current(Volatile.Read(ref Headers[sizeClass]));
            any |= current != Volatile.Read(ref _begins[sizeClass]);
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
    internal static int CountOf(Slab* slab, nuint sizeClass) => Places(BeginOf(slab, sizeClass), Current(HeaderOf(slab, sizeClass)));

    /// <summary>Those objects themselves.</summary>
    internal static void** ObjectsOf(Slab* slab, nuint sizeClass, out int count)
    {
        count = CountOf(slab, sizeClass);
        return (void**)((byte*)slab + BeginOf(slab, sizeClass));
    }

    /// <summary>The object of a class that was given last, or null.</summary>
    internal static void* TopOf(Slab* slab, nuint sizeClass) => *((void**)((byte*)slab + Current(HeaderOf(slab, sizeClass))) - 1);

    /// <summary>Objects of a class that there is room for in all.</summary>
    internal static int CapacityOf(Slab* slab, nuint sizeClass) => Places(BeginOf(slab, sizeClass), End(HeaderOf(slab, sizeClass)));

    /// <summary>Objects of a class that there is still room for, as of this moment.</summary>
    internal static int RoomOf(Slab* slab, nuint sizeClass) => RoomIn(HeaderOf(slab, sizeClass));

    /// <summary>Objects of a class that there is room for, by its header.</summary>
    internal static int RoomIn(ulong header) => Places(Current(header), End(header));

    /// <summary>Whether a class has a stack, as of this moment.</summary>
    internal static bool HasStack(Slab* slab, nuint sizeClass) => BeginOf(slab, sizeClass) != 0;

    private static uint BeginOf(Slab* slab, nuint sizeClass) => Volatile.Read(ref slab->_begins[sizeClass]);

    // From one offset to another, as far as they are of one stack: none where they cannot be.
    private static int Places(uint from, uint to) => from < to ? (int)(to - from) / sizeof(void*) : 0;
}

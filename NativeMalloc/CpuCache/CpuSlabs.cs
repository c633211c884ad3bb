using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>Per-CPU mode: the table of slabs, one for each index that a CPU (or mm_cid) has shown up with.</summary>
internal static unsafe class CpuSlabs
{
    /// <summary>
    /// Address space for a slab, touched as it is used. All stacks at their largest would need 3 MiB; where those in use do not fit, they are
    /// cut anew (<see cref="SlabCapacity"/>).
    /// </summary>
    private const uint SlabBytes = 1 << 20;

    /// <summary>cpu_id is -1 before registration and -2 where it failed; both entries stay the sentinel.</summary>
    internal const int EntriesBelowZero = 2;

    private static Apart<FutexLock> s_lock;
    private static nint* s_table;
    private static Slab** s_slabs;
    private static int s_bound;
    private static int s_made;

    /// <summary>Bytes that all slabs moved in periods of theirs that have ended.</summary>
    private static Apart<long> s_moved;

    private static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_lock.Value);

    /// <summary>The table that threads of this mode use.</summary>
    internal static nint* Table => s_table;

    /// <summary>One more than the highest index that there can be; 0 before <see cref="Initialize"/>.</summary>
    internal static int Bound => s_bound;

    /// <summary>The slab of an index, stopped or not; null if it has none yet.</summary>
    internal static Slab* Get(int index) => s_slabs[index];

    /// <summary>All of them, for who looks from outside; null where the front end is per-thread.</summary>
    internal static Slab** Root => s_slabs;

    /// <summary>Makes the empty table; false when there is no memory.</summary>
    internal static bool Initialize()
    {
        // CRIU may put the process on a machine with more CPUs: those find the sentinel, as one without a slab does.
        int bound = Os.CpuBound();
        nint* table = (nint*)Metadata.AllocateSparse((nuint)(Os.MostCpus + EntriesBelowZero) * (nuint)sizeof(nint));
        Slab** slabs = (Slab**)Metadata.Allocate((nuint)(bound * sizeof(Slab*)));
        if (table == null || slabs == null)
        {
            return false;
        }

        Metadata.CountTouched((bound + EntriesBelowZero) * sizeof(nint));
        s_table = table + EntriesBelowZero;
        s_slabs = slabs;
        s_bound = bound;
        s_made = 0;
        return true;
    }

    /// <summary>
    /// The slab of an index whose entry in the table was the sentinel: a new one; null if it is stopped at the moment, if there
    /// is no memory, or if the index says that the thread is not registered.
    /// </summary>
    internal static Slab* Create(int index)
    {
        if ((uint)index >= (uint)s_bound)
        {
            return null;
        }

        if (!Lock->TryAcquire())
        {
            return null; // rather than wait
        }

        Slab* slab = null;
        if (s_slabs[index] == null)
        {
            byte* memory = Metadata.MapAside(SlabBytes, MappingNames.Slabs);
            if (memory != null)
            {
                s_made++;
                int part = SlabBudget.Whole / s_made;
                slab = Slab.Create(memory, SlabBytes, s_made, SlabBudget.ForCpu(s_made, part, Heap.Occupancy.Peak, Heap.Occupancy.IsFalling));
                slab->Part = part;
                slab->AllMovedBefore = Volatile.Read(ref s_moved.Value);
                slab->Index = index;
                Publish(slab);
                s_slabs[index] = slab; // from now on it may be stopped
                ShareAmongAll();
            }
        }

        Lock->Release();
        return slab;
    }

    /// <summary>
    /// At the end of a slab's period: its part of what all have is what it moved of what all did, since often one of a program's threads does the
    /// work. Half of it was so before.
    /// </summary>
    internal static void ShareAnew(Slab* own)
    {
        long all = Interlocked.Add(ref s_moved.Value, own->Moved);
        long since = all - own->AllMovedBefore;
        if (since > 0)
        {
            own->Part = SlabBudget.PartOf(own->Moved, since, own->Part);
            own->AllMovedBefore = all;
        }
    }

    // Has the others make do with less, now that there is one more.
    private static void ShareAmongAll()
    {
        for (int index = 0; index < s_bound; index++)
        {
            if (s_slabs[index] != null)
            {
                ShareBudget(s_slabs[index]);
            }
        }
    }

    /// <summary>Says what a slab may have of what all may, which the program's size decides.</summary>
    internal static void ShareBudget(Slab* own)
    {
        Slab.SetBudget(own, s_made, SlabBudget.ForCpu(s_made, own->Part, Heap.Occupancy.Peak, Heap.Occupancy.IsFalling));
    }

    /// <summary>Lets the sequences of its CPU find a slab.</summary>
    internal static void Publish(Slab* slab) =>
        Volatile.Write(ref s_table[slab->Index], EntryOf(slab));

    /// <summary>What stands for a slab in a table that the sequences read: its distance from the sentinel slab.</summary>
    internal static nint EntryOf(Slab* slab) => (nint)((byte*)slab - (byte*)Shim.SentinelSlab());

    /// <summary>
    /// Empties every CPU's slab into the transfer caches, or only those that nothing has changed since the last time: one after the other, so
    /// that the others serve meanwhile. Where the kernel cannot abort sequences, nothing is done; where there is but one thread, there are none.
    /// </summary>
    internal static void Drain(bool idleOnly, Slab* except = null)
    {
        bool can = true;
        for (int index = 0; index < s_bound && can && !ForkGate.IsClosedTo(Shim.Thread()); index++)
        {
            Slab* slab = s_slabs[index];
            if (slab != null && slab != except && (!idleOnly || slab->IsIdle()))
            {
                can = TryDrain(slab, idleOnly);
            }
        }
    }

    // Hides the slab, has the kernel abort the sequences that still see it, and puts it back when it is empty. Threads that are made by a signal
    // handler from then on do not see it.
    private static bool TryDrain(Slab* slab, bool forGood)
    {
        slab->Lock.Acquire();
        Volatile.Write(ref s_table[slab->Index], 0);
        bool stopped = Shim.IsSingleThreaded() != 0
            || (FrontEnd.CanStopSlabs && Os.AbortSequences(FrontEnd.IndexIsCpu ? slab->Index : Os.AllCpus));
        if (stopped)
        {
            SlabDrain.Stopped(slab);
            if (forGood)
            {
                SlabCapacity.Clear(slab);
            }
        }

        Publish(slab);
        slab->Lock.Release();
        return stopped;
    }
}

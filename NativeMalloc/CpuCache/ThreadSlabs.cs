using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Slabs of threads, in per-thread mode and for threads that cannot have the CPUs': taken at a thread's first slow path and given
/// back at its end. A slab is touched by its owner alone, since nothing could abort the owner's sequences; what others want of
/// it they request.
/// </summary>
internal static unsafe class ThreadSlabs
{
    private const uint SlabBytes = 320 * 1024;

    private static Apart<FutexLock> s_lock;
    private static ThreadSlabLists s_lists;
    private static bool s_areOrphans;

    private static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_lock.Value);

    // No thread's state lies there.
    private static ThreadState* Nobody => (ThreadState*)1;

    /// <summary>The slabs of the threads that there are, linked by Next; <see cref="Lock"/> protects the list.</summary>
    internal static Slab* InUse => s_lists.InUse;

    /// <summary>The slabs of threads that have ended, empty and without an owner, linked by Next.</summary>
    internal static Slab* LeftOver => s_lists.LeftOver;

    /// <summary>All of it, for who looks from outside.</summary>
    internal static ThreadSlabLists* Root => (ThreadSlabLists*)Unsafe.AsPointer(ref s_lists);

    /// <summary>Gives a thread its slab; false when there is no memory.</summary>
    internal static bool Attach(ThreadState* thread)
    {
        Lock->Acquire();
        Slab* slab = FrontEnd.SeesThreadsEnd ? null : FindOwnedBy(thread);
        if (slab == null)
        {
            slab = TakeLeftOver();
            slab = slab != null ? slab : Make();
            if (slab == null)
            {
                Lock->Release();
                return false;
            }

            slab->Owner = thread;
            slab->DrainsObeyed = SlabDrain.LastRequest;
            Link(slab);
        }

        Lock->Release();

        thread->Slab = slab;
        thread->Table = slab->OwnTable;
        return true;
    }

    /// <summary>Takes the slab of a thread that is ending; its objects go to the others.</summary>
    internal static void Give(Slab* slab)
    {
        SlabDrain.Stopped(slab);
        Lock->Acquire();
        Unlink(slab);
        LeaveOver(slab);
        Lock->Release();
    }

    /// <summary>Has a thread's slab make do with less as threads become more.</summary>
    internal static void ShareBudget(Slab* own)
    {
        int slabs = Volatile.Read(ref s_lists.Threads);
        Slab.SetBudget(own, slabs, SlabBudget.ForThread(slabs, Heap.Occupancy.Peak, Heap.Occupancy.IsFalling));
    }

    /// <summary>In the child of a fork, where only the calling thread lives on, wherever a signal handler has interrupted it: the others' slabs are nobody's.</summary>
    internal static void DisownAfterFork(ThreadState* thread)
    {
        for (Slab* slab = s_lists.InUse; slab != null; slab = slab->Next)
        {
            if (slab->Owner != thread)
            {
                slab->Owner = Nobody;
                s_areOrphans = true;
            }
        }
    }

    /// <summary>Takes the slabs that a fork has left to nobody, if there are any; their objects go to the others.</summary>
    internal static void ReclaimOrphans()
    {
        if (!s_areOrphans || !Lock->TryAcquire())
        {
            return;
        }

        s_areOrphans = false;
        Slab* slab = s_lists.InUse;
        while (slab != null)
        {
            Slab* next = slab->Next;
            if (slab->Owner == Nobody)
            {
                SlabDrain.Stopped(slab);
                Unlink(slab);
                LeaveOver(slab);
            }

            slab = next;
        }

        Lock->Release();
    }

    // The slab of a thread whose state was where this one's is: it has ended.
    private static Slab* FindOwnedBy(ThreadState* thread)
    {
        Slab* slab = s_lists.InUse;
        while (slab != null && slab->Owner != thread)
        {
            slab = slab->Next;
        }

        return slab;
    }

    private static Slab* TakeLeftOver()
    {
        Slab* slab = s_lists.LeftOver;
        if (slab != null)
        {
            s_lists.LeftOver = slab->Next;
        }

        return slab;
    }

    // Every entry of its table is the slab itself, so that no value of the index matters: in a process that is per-CPU, the
    // index of a thread that is not registered is -1 or -2, or, after somebody registers it, a CPU.
    private static Slab* Make()
    {
        int below = FrontEnd.IsPerThread ? 0 : CpuSlabs.EntriesBelowZero;
        int entries = FrontEnd.IsPerThread ? 1 : below + CpuSlabs.Bound;
        byte* memory = Metadata.AllocateSparse(SlabBytes + (nuint)(entries * sizeof(nint))); // both, or nothing is lost
        if (memory == null)
        {
            return null;
        }

        Metadata.CountTouched(entries * sizeof(nint));
        nint* table = (nint*)(memory + SlabBytes);
        int slabs = s_lists.Threads + 1;
        Slab* slab = Slab.Create(memory, SlabBytes, slabs, SlabBudget.ForThread(slabs, Heap.Occupancy.Peak, Heap.Occupancy.IsFalling));
        for (int i = 0; i < entries; i++)
        {
            table[i] = CpuSlabs.EntryOf(slab);
        }

        slab->OwnTable = table + below;
        return slab;
    }

    private static void Unlink(Slab* slab)
    {
        s_lists.Threads--;
        if (slab->Previous != null)
        {
            slab->Previous->Next = slab->Next;
        }
        else
        {
            s_lists.InUse = slab->Next;
        }

        if (slab->Next != null)
        {
            slab->Next->Previous = slab->Previous;
        }
    }

    private static void Link(Slab* slab)
    {
        s_lists.Threads++;
        slab->Next = s_lists.InUse;
        slab->Previous = null;
        if (s_lists.InUse != null)
        {
            s_lists.InUse->Previous = slab;
        }

        s_lists.InUse = slab;
    }

    private static void LeaveOver(Slab* slab)
    {
        slab->Owner = null;
        slab->Next = s_lists.LeftOver;
        s_lists.LeftOver = slab;
    }
}

using System.Runtime;

namespace NativeMalloc;

/// <summary>Which front end this process has, decided once: caches per CPU, or, where rseq is not to be had, per thread.</summary>
internal static unsafe class FrontEnd
{
    private static bool s_perThread;
    private static bool s_canStopSlabs;
    private static bool s_seesThreadsEnd;

    /// <summary>Every thread has its own slab; otherwise every CPU has.</summary>
    internal static bool IsPerThread => s_perThread;

    /// <summary>The kernel can abort the sequences of other CPUs (membarrier), so that their slabs can be stopped.</summary>
    internal static bool CanStopSlabs => s_canStopSlabs;

    /// <summary>A slab's place in the table is its CPU's number, as the kernel has it.</summary>
    internal static bool IndexIsCpu => Rseq.Index == RseqIndex.CpuId;

    /// <summary>
    /// <see cref="Detach"/> is called when a thread ends. Where libc cannot do that, a slab goes to the next thread in the same
    /// place, and an rseq registration ends with its thread, which is soon enough: only musl could not wait, and can do it.
    /// </summary>
    internal static bool SeesThreadsEnd => s_seesThreadsEnd;

    /// <summary>Decides; false when there is no memory for the tables.</summary>
    internal static bool Initialize(IndexChoice choice)
    {
        Rseq.Decide(choice);
        if ((choice == IndexChoice.MmCid && Rseq.Index != RseqIndex.MmCid) || (choice == IndexChoice.CpuId && Rseq.Index != RseqIndex.CpuId))
        {
            Options.ComplainOfIndex(Rseq.Choice.IndexName);
        }

        s_perThread = Rseq.Index == RseqIndex.None;
        if (s_perThread || Rseq.MustLeave)
        {
            s_seesThreadsEnd = Shim.PrepareThreadExits() != 0;
        }

        if (s_perThread)
        {
            return true;
        }

        s_canStopSlabs = Os.RegisterForAbortSequences();
        return CpuSlabs.Initialize();
    }

    /// <summary>Gives a thread that has the sentinel's table its real one; false if it must do without.</summary>
    internal static bool Attach(ThreadState* thread)
    {
        // In per-thread mode too: the sequences are then safe against signal handlers, and others who share the area count right.
        bool registered = Rseq.Owner != RseqOwner.Unavailable && Rseq.Join(thread);
        bool perCpu = registered && !s_perThread;
        if (perCpu)
        {
            thread->Table = CpuSlabs.Table;
        }
        else if (!ThreadSlabs.Attach(thread))
        {
            return false;
        }

        if (s_seesThreadsEnd)
        {
            Shim.AtThreadExit(thread); // this may allocate, which is why it comes last
        }

        return true;
    }

    /// <summary>A thread ends: it takes the slow path from now on, and leaves behind nothing that is its own.</summary>
    [RuntimeExport("nm_thread_exit")]
    internal static void Detach(ThreadState* thread)
    {
        thread->Detached = 1;
        thread->Table = Shim.SentinelTable();
        Rseq.Leave(thread);
        if (thread->Slab != null && SlowPath.Enter(thread))
        {
            ThreadSlabs.Give(thread->Slab);
            thread->Slab = null;
            SlowPath.Leave(thread);
        }
    }

    /// <summary>
    /// Empties the front end into the transfer caches, as far as the mode allows (see docs/design.md). Where there is but one thread its
    /// slabs can be emptied at once; otherwise that takes membarrier, and without leave for that each slab is only asked.
    /// </summary>
    internal static void Drain(bool mayAbortOthers)
    {
        if (!s_perThread && (mayAbortOthers || Shim.IsSingleThreaded() != 0))
        {
            CpuSlabs.Drain(idleOnly: false);
        }

        SlabDrain.Request();
        Slab* own = Shim.OwnSlab();
        if (own != null)
        {
            SlabDrain.Obey(own);
        }
    }

    /// <summary>Has the caller's own slab make do with what it may have now.</summary>
    internal static void ShareBudget(Slab* own)
    {
        if (own->OwnTable != null)
        {
            ThreadSlabs.ShareBudget(own);
        }
        else
        {
            CpuSlabs.ShareBudget(own);
        }
    }

    /// <summary>
    /// Goes through the slabs of this process, CPUs', then threads', then those that threads left: the first for null, null after the last.
    /// </summary>
    internal static Slab* NextSlab(Slab* slab)
    {
        if (slab != null && slab->OwnTable != null)
        {
            return slab->Next != null || slab->Owner == null ? slab->Next : ThreadSlabs.LeftOver;
        }

        int index = slab == null ? 0 : slab->Index + 1;
        while (index < CpuSlabs.Bound && CpuSlabs.Get(index) == null)
        {
            index++;
        }

        return index < CpuSlabs.Bound ? CpuSlabs.Get(index) : ThreadSlabs.InUse != null ? ThreadSlabs.InUse : ThreadSlabs.LeftOver;
    }
}

namespace NativeMalloc;

/// <summary>Which front end this process has, decided once: caches per CPU, or, where rseq is not to be had, per thread.</summary>
internal static unsafe class FrontEnd
{
    private static bool s_perThread;
    private static bool s_canStopSlabs;

    /// <summary>Every thread has its own slab; otherwise every CPU has.</summary>
    internal static bool IsPerThread => s_perThread;

    /// <summary>The kernel can abort the sequences of other CPUs (membarrier), so that their slabs can be stopped.</summary>
    internal static bool CanStopSlabs => s_canStopSlabs;

    /// <summary>Decides; false when there is no memory for the tables.</summary>
    internal static bool Initialize(IndexChoice choice)
    {
        Rseq.Decide(choice);
        s_perThread = Rseq.Index == RseqIndex.None;
        if (s_perThread)
        {
            Shim.PrepareThreadExits();
            return true;
        }

        s_canStopSlabs = Os.RegisterForAbortSequences();
        return CpuSlabs.Initialize();
    }

    /// <summary>Gives a thread that has the sentinel's table its real one; false if it must do without.</summary>
    internal static bool Attach(ThreadState* thread)
    {
        if (s_perThread)
        {
            return ThreadSlabs.Attach(thread);
        }

        if (!Rseq.IsRegistered())
        {
            return false;
        }

        thread->Table = CpuSlabs.Table;
        return true;
    }

    /// <summary>Empties the front end into the transfer caches, as far as the mode allows (see docs/design.md).</summary>
    internal static void Drain()
    {
        if (!s_perThread)
        {
            CpuSlabs.DrainAll();
            return;
        }

        ThreadSlabs.RequestDrain();
        Slab* own = Shim.Thread()->Slab;
        if (own != null)
        {
            ThreadSlabs.ObeyDrainRequest(own);
        }
    }

    /// <summary>Goes through the slabs of this process: the first for null, null after the last.</summary>
    internal static Slab* NextSlab(Slab* slab)
    {
        if (s_perThread)
        {
            return slab == null ? ThreadSlabs.InUse : slab->Next;
        }

        int index = slab == null ? 0 : slab->Index + 1;
        while (index < CpuSlabs.Bound && CpuSlabs.Get(index) == null)
        {
            index++;
        }

        return index < CpuSlabs.Bound ? CpuSlabs.Get(index) : null;
    }
}

using System.Runtime;

namespace NativeMalloc;

/// <summary>What happens when the library is loaded, when the process ends, and around a fork; called by Shim/libc.c.</summary>
internal static unsafe class Lifetime
{
    private static int s_processId;

    /// <summary>The ELF constructor. A program that never allocates does not even get a heap.</summary>
    [RuntimeExport("nm_load")]
    internal static void Load()
    {
        Startup.ReadOptions();
        OperatorNew.NoticeReplacements();
        if (Options.Statistics != StatisticsChoice.None)
        {
            s_processId = Os.ProcessId();
        }

        if (Options.ReleaseThread)
        {
            ReleaseThread.Start();
        }

        if (Options.Verbose && Startup.EnsureFrontEnd())
        {
            Promises.TryNow();
            StatisticsText.WriteIntroduction();
        }
    }

    /// <summary>The ELF destructor: the last checks, and the report, if they were asked for. A forked child writes one only to a file of its own.</summary>
    [RuntimeExport("nm_unload")]
    internal static void Unload()
    {
        if (Options.Check && Startup.IsHeapReady && SlowPath.TryEnter(Shim.Thread()))
        {
            Checked.EmptyQuarantine(Caller.Exit);
            SlowPath.Leave(Shim.Thread());
        }

        if (Options.Statistics == StatisticsChoice.None || !Startup.EnsureFrontEnd())
        {
            return;
        }

        int processId = Os.ProcessId();
        bool forked = processId != s_processId;
        if (Options.Statistics == StatisticsChoice.Json)
        {
            StatisticsJson.WriteFile(processId, forked);
        }
        else if (!forked)
        {
            StatisticsText.WriteReport(processId);
        }
    }

    /// <summary>Before a fork, on the forking thread: closes the gate to all locks, from the front end down, so that none is held by another.</summary>
    [RuntimeExport("nm_fork_prepare")]
    internal static void BeforeFork()
    {
        if (!ForkGate.Begin())
        {
            return;
        }

        ForkGate.Close(LockOrder.Startup);
        Startup.Lock->AwaitFree();
        nuint classes = Startup.IsHeapReady ? (nuint)SizeClasses.Count : 0;
        ForkGate.Close(LockOrder.CpuSlabs);
        CpuSlabs.Lock->AwaitFree();
        ForkGate.Close(LockOrder.ThreadSlabs);
        ThreadSlabs.Lock->AwaitFree();
        ForkGate.Close(LockOrder.Slab);
        CpuSlabs.AwaitSlabsFree();
        ThreadSlabs.AwaitSlabsFree();
        ForkGate.Close(LockOrder.Quarantine);
        Quarantine.Lock->AwaitFree();
        ForkGate.Close(LockOrder.TransferCache);
        for (nuint sizeClass = 1; sizeClass < classes; sizeClass++)
        {
            Heap.Transfer(sizeClass)->Lock.AwaitFree();
        }

        ForkGate.Close(LockOrder.CentralFreeList);
        for (nuint sizeClass = 1; sizeClass < classes; sizeClass++)
        {
            Heap.Central(sizeClass)->Lock.AwaitFree();
        }

        ForkGate.Close(LockOrder.Remnants);
        Heap.Remnants->Lock.AwaitFree();
        Heap.Pages->CloseForFork();
        ForkGate.Close(LockOrder.Metadata);
        Metadata.Lock->AwaitFree();
    }

    [RuntimeExport("nm_fork_parent")]
    internal static void AfterForkInParent()
    {
        if (ForkGate.Leave())
        {
            ForkGate.Open(child: false);
        }
    }

    [RuntimeExport("nm_fork_child")]
    internal static void AfterForkInChild()
    {
        FreeLocksInChild();
        if (Startup.IsFrontEndReady)
        {
            ThreadSlabs.ReclaimAfterFork(Shim.Thread()->Slab);
        }

        ForkGate.Open(child: true);
    }

    private static void FreeLocksInChild()
    {
        Startup.Lock->FreeInChild();
        CpuSlabs.FreeLocksInChild();
        ThreadSlabs.FreeLocksInChild();
        Quarantine.Lock->FreeInChild();
        for (nuint sizeClass = 1; Startup.IsHeapReady && sizeClass < SizeClasses.Count; sizeClass++)
        {
            Heap.Transfer(sizeClass)->Lock.FreeInChild();
            Heap.Central(sizeClass)->Lock.FreeInChild();
        }

        Heap.Remnants->Lock.FreeInChild();
        Heap.Pages->FreeLocksInChild();
        Metadata.Lock->FreeInChild();
    }
}

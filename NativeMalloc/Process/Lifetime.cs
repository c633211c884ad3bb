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
            StatisticsText.WriteIntroduction();
        }
    }

    /// <summary>The ELF destructor: the last checks, and the report, if they were asked for. A forked child writes one only to a file of its own.</summary>
    [RuntimeExport("nm_unload")]
    internal static void Unload()
    {
        if (Options.Check && Startup.IsHeapReady)
        {
            Checked.Finish();
        }

        if (Options.Statistics == StatisticsChoice.None || !Startup.EnsureFrontEnd())
        {
            return;
        }

        int processId = Os.ProcessId();
        bool forked = processId != s_processId;
        if (Options.Statistics == StatisticsChoice.Json)
        {
            StatisticsJson.WriteFile(Options.StatisticsPath, processId, forked);
        }
        else if (!forked)
        {
            StatisticsText.WriteReport(processId);
        }
    }

    /// <summary>Before a fork, on the forking thread: takes every lock, from the front end down, so that none is held by another.</summary>
    [RuntimeExport("nm_fork_prepare")]
    internal static void BeforeFork()
    {
        if (!FutexLock.BeginFork())
        {
            return;
        }

        Startup.Lock->AcquireForFork();
        if (!Startup.IsHeapReady)
        {
            return;
        }

        CpuSlabs.Lock->AcquireForFork();
        for (int index = 0; index < CpuSlabs.Bound; index++)
        {
            if (CpuSlabs.Get(index) != null)
            {
                CpuSlabs.Get(index)->Lock.AcquireForFork();
            }
        }

        ThreadSlabs.AcquireLocksForFork();
        Quarantine.Lock->AcquireForFork();
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            Heap.Transfer(sizeClass)->Lock.AcquireForFork();
        }

        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            Heap.Central(sizeClass)->Lock.AcquireForFork();
        }

        Heap.Remnants->Lock.AcquireForFork();
        Heap.Pages->AcquireLocksForFork();
        Metadata.Lock->AcquireForFork();
    }

    [RuntimeExport("nm_fork_parent")]
    internal static void AfterForkInParent()
    {
        if (FutexLock.LeaveFork())
        {
            RenewLocks(child: false);
            FutexLock.EndFork(child: false);
        }
    }

    [RuntimeExport("nm_fork_child")]
    internal static void AfterForkInChild()
    {
        RenewLocks(child: true);
        if (Startup.IsFrontEndReady)
        {
            ThreadSlabs.ReclaimAfterFork(Shim.Thread()->Slab);
        }

        FutexLock.EndFork(child: true);
    }

    private static void RenewLocks(bool child)
    {
        if (Startup.IsHeapReady)
        {
            Metadata.Lock->Renew(child);
            Heap.Pages->RenewLocks(child);
            Heap.Remnants->Lock.Renew(child);
            for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
            {
                Heap.Central(sizeClass)->Lock.Renew(child);
                Heap.Transfer(sizeClass)->Lock.Renew(child);
            }

            Quarantine.Lock->Renew(child);
            ThreadSlabs.RenewLocks(child);
            for (int index = 0; index < CpuSlabs.Bound; index++)
            {
                if (CpuSlabs.Get(index) != null)
                {
                    CpuSlabs.Get(index)->Lock.Renew(child);
                }
            }

            CpuSlabs.Lock->Renew(child);
        }

        Startup.Lock->Renew(child);
    }
}

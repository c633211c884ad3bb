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
        OperatorNew.FindNoThrow();
        if (Options.Statistics != StatisticsChoice.None)
        {
            s_processId = Os.ProcessId();
        }

        if (Options.Statistics != StatisticsChoice.None || Options.Profile || Options.Check)
        {
            FirstStandardError.Keep();
        }

        ProfileOccasions.Begin();

        LeakReport.Begin();
        if (Options.ReleaseThread)
        {
            ReleaseThread.Start();
        }

        if (Options.Verbose && Startup.EnsureFrontEnd())
        {
            Promises.TryRelease();
            OwnReport.WriteIntroduction();
        }
    }

    /// <summary>
    /// The ELF destructor: the last checks, and the reports, if they were asked for. A forked child writes some only to a file of its own. At and
    /// above an address of the stack lies what the callers have.
    /// </summary>
    [RuntimeExport("nm_unload_below")]
    internal static void Unload(byte* stack)
    {
        if (Options.Check && Startup.IsHeapReady && SlowPath.TryEnter(Shim.Thread()))
        {
            Checked.EmptyQuarantine(Caller.Exit);
            SlowPath.Leave(Shim.Thread());
        }

        ProfileOccasions.AtExit();
        WriteStatistics();
        LeakReport.AtExit(stack);
    }

    private static void WriteStatistics()
    {
        if (Options.Statistics == StatisticsChoice.None || !Startup.EnsureFrontEnd())
        {
            return;
        }

        int processId = Os.ProcessId();
        bool forked = processId != s_processId;
        if (Options.Statistics == StatisticsChoice.Json)
        {
            OwnReport.WriteFile(processId, forked);
        }
        else if (!forked)
        {
            OwnReport.WriteText(processId, FirstStandardError.File);
        }
    }

    /// <summary>Before a fork, on the forking thread: from now on no other thread is on a slow path, so that none has a lock.</summary>
    [RuntimeExport("nm_fork_prepare")]
    internal static void BeforeFork()
    {
        ThreadState* thread = Shim.Thread();
        ForkGate.Close(thread);
        Insiders.AwaitOthers(thread, thread->OnSlowPath != 0 ? Insiders.SleepsOfHandler : int.MaxValue);
        Sampler.BeforeFork();
    }

    [RuntimeExport("nm_fork_parent")]
    internal static void AfterForkInParent() => ForkGate.Open(Shim.Thread());

    [RuntimeExport("nm_fork_child")]
    internal static void AfterForkInChild()
    {
        ThreadState* thread = Shim.Thread();
        Insiders.ForgetOthers(thread);
        ForkGate.OpenInChild(thread);
        Sampler.AfterForkInChild(thread);
        DynamicLoading.AfterForkInChild();
        ThreadSlabs.DisownAfterFork(thread);
        if (Startup.IsFrontEndReady && SlowPath.TryEnter(thread))
        {
            ThreadSlabs.ReclaimOrphans();
            SlowPath.Leave(thread);
        }
    }
}

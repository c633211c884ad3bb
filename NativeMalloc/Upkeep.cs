using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// What is to be done every so often, by whoever comes along a slow path then: memory that lies idle moves one tier down, and from the
/// last one back to the kernel. There is no thread for it.
/// </summary>
internal static unsafe class Upkeep
{
    /// <summary>
    /// What a slab has not used while it moved so many batches is idle, and else after a period: a small program's peak comes sooner. (By bytes, of the
    /// peak or of what the slab holds, either minimise's peak was 3 to 10 % higher, or a mixed workload of 20 MiB had its caches emptied all the time.)
    /// </summary>
    private const uint IdleBatches = 128;

    private static long s_periodStart;
    private static long s_periods;

    /// <summary>
    /// At the end of a slow path on that slab, or on none, when no lock is held. It served an allocation of that size, or a free (0).
    /// </summary>
    internal static void Tick(ThreadState* thread, Slab* own, nuint size)
    {
        if (Heap.TakeGrown())
        {
            AfterGrowth();
        }

        if (own != null)
        {
            AfterMoves(own);
        }

        if (AllocationClock.IsDue(thread))
        {
            long now = Clock.Milliseconds;
            AllocatedBytes.Add(own, AllocationClock.Set(thread, size, now));
            Sampler.Follow(thread, size, now);
            AllocationClock.KeepSample(thread);
            EndPeriods(own, now);
        }
        else if (size != 0)
        {
            AllocationClock.Fit(thread, size);
        }

        ReleaseExcess();
        if (Options.Profile)
        {
            ProfileOccasions.WatchSoftLimit();
        }
    }

    /// <summary>
    /// When a thread's countdown has run out with an allocation of that size, and it is on no slow path, or has interrupted one: mostly that is a
    /// look at the clock and no more. True if the allocation is a sample; the caller then sees to it, and to the next.
    /// </summary>
    internal static bool Look(ThreadState* thread, nuint size)
    {
        long now = Clock.Milliseconds;
        Slab* own = Shim.OwnSlab();
        AllocatedBytes.Add(own, AllocationClock.Set(thread, size, now));
        Sampler.Follow(thread, size, now);
        bool isSample = AllocationClock.IsSampleDue(thread);
        if (!isSample)
        {
            AllocationClock.KeepSample(thread);
        }

        if (Periods.Ended(Volatile.Read(ref s_periodStart), now, Options.ReleaseDelay) > 0 || IsBehind(own) || Heap.Pages->HasExcess || Heap.HasIdle)
        {
            LookCloser(thread, own, now);
        }

        return isSample;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LookCloser(ThreadState* thread, Slab* own, long now)
    {
        if (SlowPath.TryEnter(thread))
        {
            EndPeriods(own, now);
            ReleaseExcess();
            SlowPath.Leave(thread);
        }
    }

    // What bytes decide rather than time: who frees a heap may do nothing afterwards, and a small program's peak comes sooner than a period ends.
    // Nobody knows how many bytes there are but by a sum over all classes, so that is asked for when as much may have come or gone at one slab.
    private static void AfterMoves(Slab* own)
    {
        if (Heap.Occupancy.IsMuch(own->Flow))
        {
            own->Flow = 0;
            EmptyAfterFall(mayAbortOthers: false);
            FrontEnd.ShareBudget(own);
        }

        if (own->Batches >= IdleBatches)
        {
            own->Batches = 0;
            SlabDrain.OwnIdle(own);
        }
    }

    private static void AfterGrowth()
    {
        RelativeLimits.Follow(0);
        if (Heap.Pages->IsAboveSoftLimit)
        {
            Heap.EmptyCaches(mayAbortOthers: false);
            Heap.ForgetPatience();
        }
        else
        {
            Heap.PlunderTransferCaches(all: false);
        }
    }

    /// <summary>On the thread that is there for it: also what only the kernel's help can do, for slabs that nobody comes by.</summary>
    internal static void InBackground()
    {
        if (Startup.IsHeapReady)
        {
            EmptyAfterFall(mayAbortOthers: true);
        }

        if (!FrontEnd.IsPerThread)
        {
            CpuSlabs.Drain(idleOnly: true);
        }

        EndPeriods(null, Clock.Milliseconds);
        Heap.Pages->ReleaseExcess(Heap.Pages->FreeBytes / PageMap.PageSize); // all: nobody waits for this thread
        while (Heap.HasIdle && !ForkGate.IsClosedTo(Shim.Thread()))
        {
            Heap.ReleaseIdle();
        }
    }

    private static void ReleaseExcess()
    {
        if (Heap.Pages->HasExcess)
        {
            Heap.Pages->ReleaseExcess(0);
        }

        if (Heap.HasIdle)
        {
            Heap.ReleaseIdle();
        }
    }

    private static bool EmptyAfterFall(bool mayAbortOthers)
    {
        bool falls = Heap.Occupancy.FallsWith(Heap.BytesOut);
        if (falls)
        {
            Heap.EmptyCaches(mayAbortOthers);
        }

        return falls;
    }

    // The slab has yet to act on the end of a period.
    private static bool IsBehind(Slab* own) => own != null && own->Period != Volatile.Read(ref s_periods);

    // What lies idle in the caller's slab goes first, so that it moves on with what the tiers behind have.
    private static void EndPeriods(Slab* own, long now)
    {
        long start = Volatile.Read(ref s_periodStart);
        int ended = Periods.Ended(start, now, Options.ReleaseDelay);
        bool ends = ended > 0 && Startup.IsHeapReady && Interlocked.CompareExchange(ref s_periodStart, now, start) == start
            && start != 0; // the first period only begins: a small program need not touch every class
        if (ends)
        {
            Interlocked.Add(ref s_periods, ended);
        }

        if (IsBehind(own))
        {
            long periods = Volatile.Read(ref s_periods);
            long slabsEnded = periods - own->Period;
            own->Period = periods;
            EndSlabsPeriods(own, slabsEnded);
        }

        if (ends)
        {
            ThreadSlabs.ReclaimOrphans(); // if the fork was a signal handler's that had interrupted a slow path
            DrainOthers(own);
            EndHeapsPeriods(ended);
        }
    }

    private static void EndSlabsPeriods(Slab* own, long ended)
    {
        SlabDrain.Obey(own);
        SlabDrain.OwnIdle(own);
        if (ended > 1)
        {
            SlabDrain.OwnIdle(own); // nobody came by in the others
        }

        if (own->OwnTable == null)
        {
            CpuSlabs.ShareAnew(own);
        }

        own->Moved = 0;
        own->Batches = 0;
        FrontEnd.ShareBudget(own);
        if (own->Lock.TryAcquire())
        {
            SlabCapacity.Fit(own);
            own->Lock.Release();
        }
    }

    // What a lone thread left in other CPUs' slabs. Of several threads each may be in a sequence there, and only the kernel could abort that.
    private static void DrainOthers(Slab* own)
    {
        if (!FrontEnd.IsPerThread && Shim.IsSingleThreaded() != 0)
        {
            CpuSlabs.Drain(idleOnly: true, except: own);
        }
    }

    private static void EndHeapsPeriods(int ended)
    {
        Heap.IsShort = false;
        RelativeLimits.Follow(0);
        bool emptied = EmptyAfterFall(mayAbortOthers: false);
        bool falls = Heap.Occupancy.IsFalling;
        Heap.Occupancy.EndPeriods(ended);
        if (!emptied && falls)
        {
            Heap.EmptyCaches(mayAbortOthers: false);
        }
        else
        {
            bool all = ended > 1; // nobody came by in the others
            Heap.PlunderTransferCaches(all);
            Heap.GiveKeptSpans(all);
            LargeBlocks.GiveCached();
        }

        Heap.Pages->EndPeriods(ended);
        ProfileOccasions.EndPeriod();

        Heap.EndIdlePeriods(ended);
    }
}

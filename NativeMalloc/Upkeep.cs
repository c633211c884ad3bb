using System.Threading;

namespace NativeMalloc;

/// <summary>
/// What is to be done every so often, by whoever comes along a slow path then: memory that lies idle moves one tier down, and from the
/// last one back to the kernel. There is no thread for it.
/// </summary>
internal static unsafe class Upkeep
{
    private const int FrequentMilliseconds = 10;
    private const int SkippedTicks = 7;

    /// <summary>What a slab has not used while it moved so many batches is idle, and else after a period: a small program's peak comes sooner.</summary>
    private const uint IdleBatches = 128;

    /// <summary>Periods after the heap has fallen, at whose ends the caches are emptied once more of what came into them meanwhile.</summary>
    private const int PeriodsAfterFall = 2;

    private static long s_periodStart;
    private static int s_periodsAfterFall;

    /// <summary>At the end of a slow path on that slab, or on none, when no lock is held.</summary>
    internal static void Tick(Slab* own)
    {
        if (Heap.TakeGrown())
        {
            AfterGrowth();
        }

        if (own == null)
        {
            EndPeriod(Clock.Milliseconds);
        }
        else
        {
            TickOn(own);
        }

        if (Heap.Pages->HasExcess)
        {
            Heap.Pages->ReleaseExcess(0);
        }
    }

    private static void TickOn(Slab* own)
    {
        own->Ticks++;
        if (Heap.Occupancy.IsMuch(own->Flow))
        {
            own->Flow = 0;
            EmptyAfterFall(mayAbortOthers: false);
        }

        if (own->Moved >= IdleBatches)
        {
            own->Moved = 0;
            own->LookedForIdle = true;
            SlabDrain.OwnIdle(own);
        }

        if (--own->TicksToSkip < 0)
        {
            LookAtClock(own);
        }
    }

    // Where slow paths are frequent, the clock would be a good part of them: so it is not looked at in all.
    private static void LookAtClock(Slab* own)
    {
        long now = Clock.Milliseconds;
        own->TicksToSkip = now - own->LastTick < FrequentMilliseconds ? SkippedTicks : 0;
        own->LastTick = now;
        if (now - own->PeriodStart >= Options.ReleaseDelay)
        {
            own->PeriodStart = now;
            if (!own->LookedForIdle)
            {
                SlabDrain.OwnIdle(own);
            }

            own->Moved = 0;
            own->LookedForIdle = false;
            if (own->Lock.TryAcquire())
            {
                SlabCapacity.Fit(own);
                own->Lock.Release();
            }
        }

        EndPeriod(now);
    }

    private static void AfterGrowth()
    {
        RelativeLimits.BeforeGrowth(0);
        if (Heap.Pages->IsAboveSoftLimit)
        {
            Heap.EmptyCaches(mayAbortOthers: false);
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

        EndPeriod(Clock.Milliseconds);
        Heap.Pages->ReleaseExcess(Heap.Pages->FreeBytes / PageMap.PageSize); // all: nobody waits for this thread
    }

    private static bool EmptyAfterFall(bool mayAbortOthers)
    {
        bool falls = Heap.Occupancy.FallsWith(Heap.BytesOut);
        if (falls)
        {
            s_periodsAfterFall = PeriodsAfterFall;
            Heap.EmptyCaches(mayAbortOthers);
        }

        return falls;
    }

    private static void EndPeriod(long now)
    {
        long start = Volatile.Read(ref s_periodStart);
        if (now - start >= Options.ReleaseDelay && Startup.IsHeapReady && Interlocked.CompareExchange(ref s_periodStart, now, start) == start
            && start != 0) // the first period only begins: a small program need not touch every class
        {
            Heap.IsShort = false;
            bool emptied = EmptyAfterFall(mayAbortOthers: false);
            Heap.Occupancy.EndPeriod();
            if (!emptied && s_periodsAfterFall > 0)
            {
                s_periodsAfterFall--;
                Heap.EmptyCaches(mayAbortOthers: false);
            }
            else
            {
                Heap.PlunderTransferCaches(all: false);
                Heap.GiveKeptSpans(all: false);
                LargeCache.Flush();
            }

            Heap.Pages->EndPeriod();
        }
    }
}

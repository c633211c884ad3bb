using System.Threading;

namespace NativeMalloc;

/// <summary>
/// What each stack's live blocks keep from going back (<see cref="Pins{THeap}"/>), as far as samples tell: each stands for so many blocks, which hold
/// as much as it does.
/// </summary>
internal static unsafe class HeldBytes
{
    /// <summary>Samples, or huge pages, that are looked at, some microseconds each at most, before others may have the lock, or fork.</summary>
    private const int LooksAtOnce = 32;

    private static long s_counts;
    private static PinnedBytes s_measured;

    /// <summary>What there was for all blocks at the last count, whether or not a sample tells of them.</summary>
    internal static PinnedBytes Measured => s_measured;

    /// <summary>By the last count.</summary>
    internal static double Of(CallStack* stack) => stack->HeldAt == (ulong)Volatile.Read(ref s_counts) ? stack->Held : 0;

    /// <summary>
    /// Counts anew, unless the thread has interrupted a slow path. What comes and goes meanwhile counts or does not. Of two counts at once only the
    /// one that began last comes to its end.
    /// </summary>
    internal static void Count()
    {
        ThreadState* thread = Shim.Thread();
        Counting counting = default;
        for (bool goesOn = true; goesOn && SlowPath.TryEnter(thread);)
        {
            goesOn = CountSome(ref counting) || MeasureSome(ref counting);
            SlowPath.Leave(thread);
        }
    }

    /// <summary>The same, on a slow path already, with no lock held.</summary>
    internal static void CountOnSlowPath()
    {
        Counting counting = default;
        while (CountSome(ref counting) || MeasureSome(ref counting))
        {
        }
    }

    // False at the end.
    private static bool CountSome(ref Counting counting)
    {
        if (counting.IsCounted)
        {
            return false;
        }

        if (counting.Number == 0)
        {
            counting.Number = (ulong)Interlocked.Increment(ref s_counts);
        }

        Sampler.Lock->Acquire();
        int looks = 0;
        for (Sample* sample; looks < LooksAtOnce && (sample = Sampler.NextSample(counting.Last)) != null; looks++)
        {
            counting.Last = sample;
            Add(sample, sample->Stack, ref counting);
        }

        Sampler.Lock->Release();
        counting.IsCounted = looks < LooksAtOnce || counting.Number != (ulong)Volatile.Read(ref s_counts);
        return !counting.IsCounted;
    }

    // The same, of all.
    private static bool MeasureSome(ref Counting counting)
    {
        for (int looks = 0; looks < LooksAtOnce; looks++)
        {
            if (!Pins<OwnHeap>.Measure(ref counting.Address, ref counting.Measured))
            {
                s_measured = counting.Measured;
                return false;
            }
        }

        return true;
    }

    private static void Add(Sample* sample, CallStack* stack, ref Counting counting)
    {
        if (stack->HeldAt < counting.Number)
        {
            stack->Held = 0;
            stack->HeldAt = counting.Number;
        }

        if (stack->HeldAt == counting.Number)
        {
            stack->Held += sample->Objects * counting.Pins.ShareOf(sample->Address);
        }
    }

    private struct Counting
    {
        internal ulong Number;
        internal Sample* Last;
        internal bool IsCounted;
        internal Pins<OwnHeap> Pins;
        internal nuint Address;
        internal PinnedBytes Measured;
    }
}

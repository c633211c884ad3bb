using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The threads that are on a slow path, and may hold locks or be halfway through a change: a fork waits until there are none. To come in
/// is one atomic instruction, on a cache line that is this CPU's, or this thread's where it has a slab of its own, and to go is a store.
/// </summary>
/// <remarks>
/// Who comes in looks at the gate after that, and a fork looks here after it closed the gate, so that one of them sees the other. Who goes
/// looks at the gate, too, but with no fence in between: a fork that sleeps may be missed, and wakes by itself.
/// </remarks>
internal static unsafe class Insiders
{
    /// <summary>CPUs, or threads, that share none, if they are no more.</summary>
    private const int Lines = 256;

    /// <summary>Fill a cache line. Most often one is in use: who is preempted on a slow path keeps his.</summary>
    private const int EntriesPerLine = 8;

    private const int SpinsBeforeSleep = 100;
    private const uint SleepMilliseconds = 1;

    /// <summary>
    /// How often a fork sleeps that others may be waiting for: a signal handler's, which interrupted its thread's slow path, whose locks others need.
    /// Its child may do next to nothing (POSIX), and where there is but one thread nobody is inside.
    /// </summary>
    internal const int SleepsOfHandler = 10;

    private static Table s_table;

    // Entries from here on were never used.
    private static int s_end;

    private struct Table
    {
        internal fixed ulong Entries[(1 + Lines) * EntriesPerLine];
    }

    // One line from what else lies there.
    private static nint* Entries => (nint*)Unsafe.AsPointer(ref s_table) + EntriesPerLine;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Add(ThreadState* thread)
    {
        int first = LineOf(thread) * EntriesPerLine;
        if (first < Volatile.Read(ref s_end) && TryClaim(Entries + first, thread))
        {
            thread->Entry = Entries + first;
        }
        else
        {
            Find(thread, first);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Remove(ThreadState* thread)
    {
        Volatile.Write(ref *thread->Entry, 0);
        if (ForkGate.IsClosed)
        {
            Wake(thread->Entry);
        }
    }

    /// <summary>Waits until no other thread is inside; the gate is closed. False after so many sleeps in vain, if they are not endless.</summary>
    internal static bool AwaitOthers(ThreadState* thread, int sleeps = int.MaxValue)
    {
        nint* end = Entries + Volatile.Read(ref s_end);
        for (nint* entry = Entries; entry < end; entry++)
        {
            int spins = SpinsBeforeSleep;
            nint inside;
            while ((inside = Volatile.Read(ref *entry)) != 0 && inside != (nint)thread && sleeps > 0)
            {
                if (--spins > 0)
                {
                    X86Base.Pause();
                }
                else
                {
                    sleeps -= sleeps == int.MaxValue ? 0 : 1;
                    Os.FutexWait((int*)entry, (int)inside, SleepMilliseconds);
                }
            }
        }

        return sleeps > 0;
    }

    /// <summary>In the child of a fork, where there are no other threads: those that were just looking at the gate left entries behind.</summary>
    internal static void ForgetOthers(ThreadState* thread)
    {
        nint* end = Entries + s_end;
        for (nint* entry = Entries; entry < end; entry++)
        {
            if (*entry != 0 && *entry != (nint)thread)
            {
                *entry = 0;
            }
        }
    }

    private static bool TryClaim(nint* entry, ThreadState* thread) =>
        Interlocked.CompareExchange(ref *(long*)entry, (long)thread, 0) == 0;

    /// <summary>The CPU's number, or one that is spread over the threads where each has a slab; for what many would wait for.</summary>
    internal static int LineOf(ThreadState* thread)
    {
        return thread->Slab == null ? Shim.CurrentIndex() & (Lines - 1) : (int)((ulong)thread * Hash.Spread >> 56);
    }

    // A free entry, of that line if there is one.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Find(ThreadState* thread, int first)
    {
        for (int tried = 0; ; tried++)
        {
            int number = (first + tried) % (Lines * EntriesPerLine);
            nint* entry = Entries + number;
            if (Volatile.Read(ref *entry) == 0)
            {
                RaiseEnd(number + 1);
                if (TryClaim(entry, thread))
                {
                    thread->Entry = entry;
                    return;
                }
            }

            if (number == first && tried > 0)
            {
                Os.Sleep(SleepMilliseconds); // so many at once are waiting for something
            }
        }
    }

    // Before the entry is claimed: a fork that does not look so far has closed the gate by then.
    private static void RaiseEnd(int end)
    {
        int before;
        do
        {
            before = Volatile.Read(ref s_end);
        }
        while (before < end && Interlocked.CompareExchange(ref s_end, end, before) != before);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Wake(nint* entry) => Os.FutexWake((int*)entry, int.MaxValue);
}

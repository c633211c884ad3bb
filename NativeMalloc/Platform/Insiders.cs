using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The threads that are on a slow path, and may hold locks or be halfway through a change: a fork waits until there are none. To come in
/// is one atomic instruction, on a cache line that is mostly the thread's own, and to go is a store.
/// </summary>
/// <remarks>
/// Who comes in looks at the gate after that, and a fork looks here after it closed the gate, so that one of them sees the other. Who goes
/// looks at the gate, too, but with no fence in between: a fork that sleeps may be missed, and wakes by itself.
/// </remarks>
internal static unsafe class Insiders
{
    private const int Lines = 64;
    private const int EntriesPerLine = 8;
    private const int Count = Lines * EntriesPerLine;
    private const int LineBytes = 64;

    private const int SpinsBeforeSleep = 100;
    private const uint SleepMilliseconds = 1;

    /// <summary>How often a fork sleeps that others may be waiting for: a signal handler's, which interrupted malloc.</summary>
    private const int SleepsOfHandler = 10;

    private static Table s_table;

    private struct Table
    {
        internal fixed ulong Entries[Count + EntriesPerLine];
    }

    // At the start of a cache line.
    private static nint* Entries => (nint*)(((nuint)Unsafe.AsPointer(ref s_table) + LineBytes - 1) & ~(nuint)(LineBytes - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Add(ThreadState* thread)
    {
        if (thread->Entry == null || !TryClaim(thread->Entry, thread))
        {
            FindEntry(thread);
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

    /// <summary>Waits until no other thread is inside; the gate is closed.</summary>
    /// <remarks>
    /// A handler that interrupted its thread's slow path may wait for ever, since others need the locks that the thread has. It gives up: its
    /// child may do next to nothing (POSIX), and where there is but one thread nobody is inside.
    /// </remarks>
    internal static void AwaitOthers(ThreadState* thread)
    {
        int sleeps = thread->OnSlowPath != 0 ? SleepsOfHandler : int.MaxValue;
        for (nint* entry = Entries; entry < Entries + Count; entry++)
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
    }

    /// <summary>In the child of a fork, where there are no other threads: those that were just looking at the gate left entries behind.</summary>
    internal static void ForgetOthers(ThreadState* thread)
    {
        for (nint* entry = Entries; entry < Entries + Count; entry++)
        {
            if (*entry != 0 && *entry != (nint)thread)
            {
                *entry = 0;
            }
        }
    }

    private static bool TryClaim(nint* entry, ThreadState* thread) =>
        Interlocked.CompareExchange(ref *(long*)entry, (long)thread, 0) == 0;

    // A free one, on the line that the thread's address leads to if there is one.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FindEntry(ThreadState* thread)
    {
        const ulong GoldenRatio = 0x9e3779b97f4a7c15;
        uint first = (uint)((ulong)thread * GoldenRatio >> 58) * EntriesPerLine;
        for (uint tried = 0; ; tried++)
        {
            nint* entry = Entries + (first + tried) % Count;
            if (Volatile.Read(ref *entry) == 0 && TryClaim(entry, thread))
            {
                thread->Entry = entry;
                return;
            }

            if (tried % Count == Count - 1)
            {
                Os.Sleep(SleepMilliseconds); // so many at once are waiting for something
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Wake(nint* entry) => Os.FutexWake((int*)entry, int.MaxValue);
}

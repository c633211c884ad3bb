using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Keeps other threads off the slow paths while one forks, so that the child's heap is whole: the gate is closed while a fork is under way.
/// </summary>
/// <remarks>
/// It closes in the last of the handlers before the fork, and libc goes on to take locks of its own: of the list of handlers, of name
/// services, of pipes, of the list of streams. Who waits at the gate may have one of those, or a stream for which another waits that has one.
/// So nobody waits for long: after that it is as for a signal handler that interrupts a slow path, who may not wait either. Several threads may
/// fork at once, and handlers may fork: a fork waits for no other, since that may wait for what the first one's thread holds.
/// </remarks>
internal static unsafe class ForkGate
{
    private const int MostForks = 32;

    /// <summary>Most forks take less. What waits longer may be what the fork waits for.</summary>
    private const uint PatienceMilliseconds = 1;

    /// <summary>Other forks that come and go wake who waits for one, so that a millisecond may never pass.</summary>
    private const int MostWakes = 8;

    // A bit for each fork that is under way, and for each bit its thread. While a bit is set its entry is that fork's alone.
    private static int s_closed;
    private static Forks s_forks;

    // Somebody has waited in vain since a fork last ended: nobody else need try.
    private static int s_vain;

    private struct Forks
    {
        internal fixed ulong Threads[MostForks];
    }

    /// <summary>A fork is under way, whoever's.</summary>
    internal static bool IsClosed
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref s_closed) != 0;
    }

    /// <summary>Before a fork: nobody else may come in from now on. A handler of the thread's own fork may call it again.</summary>
    internal static void Close(ThreadState* thread)
    {
        int closed = Volatile.Read(ref s_closed);
        while (closed == -1 || Interlocked.CompareExchange(ref s_closed, closed | LowestClear(closed), closed) != closed)
        {
            if (closed == -1)
            {
                Os.FutexWait(Word, closed, PatienceMilliseconds);
            }

            closed = Volatile.Read(ref s_closed);
        }

        Threads[NumberOf(LowestClear(closed))] = (ulong)thread;
    }

    /// <summary>After a fork, in the parent.</summary>
    internal static void Open(ThreadState* thread)
    {
        int bit = Leave(thread);
        int closed;
        do
        {
            closed = Volatile.Read(ref s_closed);
        }
        while (Interlocked.CompareExchange(ref s_closed, closed & ~bit, closed) != closed);
        Volatile.Write(ref s_vain, 0);
        Os.FutexWake(Word, int.MaxValue);
    }

    /// <summary>After a fork, in the child, where nobody else forks; this thread may be at another fork still.</summary>
    internal static void OpenInChild(ThreadState* thread)
    {
        Leave(thread);
        int before = Volatile.Read(ref s_closed);
        int closed = 0;
        for (int number = 0; number < MostForks; number++)
        {
            if ((before >> number & 1) != 0 && Threads[number] == (ulong)thread)
            {
                closed |= 1 << number;
            }
            else
            {
                Threads[number] = 0; // another thread of this process may have its state where that one had
            }
        }

        Volatile.Write(ref s_vain, 0);
        Volatile.Write(ref s_closed, closed);
    }

    /// <summary>Whether another thread forks, so that this one must stay away.</summary>
    internal static bool IsClosedTo(ThreadState* thread)
    {
        for (uint closed = (uint)Volatile.Read(ref s_closed); closed != 0; closed &= closed - 1)
        {
            if (Threads[BitOperations.TrailingZeroCount((ulong)closed)] != (ulong)thread)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Waits for other threads' forks, until they are done if it is <paramref name="patient"/>. False where one may be waiting for
    /// something that this thread holds.
    /// </summary>
    internal static bool Await(ThreadState* thread, bool patient)
    {
        for (int wakes = 0; ; wakes++)
        {
            int closed = Volatile.Read(ref s_closed);
            if (!IsClosedTo(thread))
            {
                return true;
            }

            if (!patient && (BitOf(thread) != 0 || Volatile.Read(ref s_vain) != 0))
            {
                return false;
            }

            bool woken = Os.FutexWait(Word, closed, PatienceMilliseconds) && wakes < MostWakes;
            if (!woken && !patient && IsClosedTo(thread))
            {
                Volatile.Write(ref s_vain, 1);
            }
        }
    }

    // One fork less of that thread's: the entry is nobody's while its bit is still set, also for a signal handler that forks.
    private static int Leave(ThreadState* thread)
    {
        int bit = BitOf(thread);
        if (bit != 0)
        {
            Threads[NumberOf(bit)] = 0;
        }

        return bit;
    }

    // Of a fork of that thread's; 0 if it has none.
    private static int BitOf(ThreadState* thread)
    {
        for (uint closed = (uint)Volatile.Read(ref s_closed); closed != 0; closed &= closed - 1)
        {
            int number = BitOperations.TrailingZeroCount((ulong)closed);
            if (Threads[number] == (ulong)thread)
            {
                return 1 << number;
            }
        }

        return 0;
    }

    private static int LowestClear(int closed) => ~closed & (closed + 1);

    private static int NumberOf(int bit) => BitOperations.TrailingZeroCount((ulong)(uint)bit);

    private static ulong* Threads => ((Forks*)Unsafe.AsPointer(ref s_forks))->Threads;

    private static int* Word => (int*)Unsafe.AsPointer(ref s_closed);
}

using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Whether a thread is on a slow path already, and lets it on one. A signal handler that allocates may interrupt one, whose locks its own
/// thread then holds: it takes none, allocates from the <see cref="Reserve"/>, and leaves what it frees here for the next who may. The same
/// goes for who comes while another thread forks, if that takes long (<see cref="ForkGate"/>).
/// </summary>
internal static unsafe class SlowPath
{
    private static ulong s_deferred;

    /// <summary>False for whoever interrupted a slow path of this very thread, or is kept out by a fork.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryEnter(ThreadState* thread)
    {
        if (thread->OnSlowPath != 0)
        {
            return false;
        }

        StepIn(thread);
        return !ForkGate.IsClosed || PassGate(thread, patient: false);
    }

    /// <summary>
    /// The same, but waits for forks as long as they take: for what cannot be left undone, where the thread holds nothing of libc's.
    /// </summary>
    internal static bool Enter(ThreadState* thread)
    {
        if (thread->OnSlowPath != 0)
        {
            return false;
        }

        StepIn(thread);
        return PassGate(thread, patient: true);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Leave(ThreadState* thread)
    {
        StepOut(thread);
        if (Volatile.Read(ref s_deferred) != 0)
        {
            FreeDeferred(thread);
        }

        if (thread->Finding.Fault != Fault.None)
        {
            ReportFinding(thread);
        }
    }

    /// <summary>Leaves a block to be freed: its first word links it, and its second says so, or its seal. One that is left already is reported.</summary>
    internal static void Defer(void* block)
    {
        if (Options.Check)
        {
            if (!Checked.TryBeginDefer(block))
            {
                return;
            }
        }
        else if (((ulong*)block)[1] == MarkOf(block))
        {
            Misuse.Report(Caller.Free, block, Fault.Freed);
            return;
        }
        else
        {
            ((ulong*)block)[1] = MarkOf(block);
        }

        ulong head;
        do
        {
            head = Volatile.Read(ref s_deferred);
            *(ulong*)block = head;
        }
        while (Interlocked.CompareExchange(ref Deferred, (long)block, (long)head) != (long)head);
    }

    /// <summary>The blocks that are left to be freed, each of which links the next; null if there are none.</summary>
    internal static void* FirstDeferred => (void*)Volatile.Read(ref s_deferred);

    // On the slow path again: what is found out about one block is told when all are freed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeDeferred(ThreadState* thread)
    {
        while (Volatile.Read(ref s_deferred) != 0 && TryEnter(thread))
        {
            void* block = (void*)Interlocked.Exchange(ref Deferred, 0);
            while (block != null)
            {
                void* next = *(void**)block;
                if (Options.Check)
                {
                    Checked.EndDefer(block);
                }
                else
                {
                    ((ulong*)block)[1] = 0;
                }

                CpuCache.GiveDeferred(block);
                block = next;
            }

            StepOut(thread);
        }
    }

    // The program may go on: so what else lies in the caches that should not goes the same way first.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReportFinding(ThreadState* thread)
    {
        if (TryEnter(thread))
        {
            Heap.EmptyCaches(mayAbortOthers: false);
            StepOut(thread);
        }

        Misuse.ReportFinding(thread);
    }

    // No program has it in a block of its own.
    private static ulong MarkOf(void* block) => (ulong)block * Hash.Spread;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool PassGate(ThreadState* thread, bool patient)
    {
        while (ForkGate.IsClosedTo(thread))
        {
            StepOut(thread);
            if (!ForkGate.Await(thread, patient))
            {
                if (thread->Finding.Fault != Fault.None)
                {
                    Misuse.ReportFinding(thread); // a signal handler's
                }

                return false;
            }

            StepIn(thread);
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StepIn(ThreadState* thread)
    {
        Volatile.Write(ref thread->OnSlowPath, 1);
        Insiders.Add(thread);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StepOut(ThreadState* thread)
    {
        Insiders.Remove(thread);
        Volatile.Write(ref thread->OnSlowPath, 0);
    }

    private static ref long Deferred => ref Unsafe.As<ulong, long>(ref s_deferred);
}

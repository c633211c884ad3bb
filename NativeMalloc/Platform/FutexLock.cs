using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// A mutual-exclusion lock of one word that a fork can cross. Not recursive. All zeros is "free", so that zeroed memory
/// holds usable locks.
/// </summary>
/// <remarks>
/// The thread that forks takes every lock (<see cref="AcquireForFork"/>), and other libraries' fork handlers, which run
/// between that and the fork, may allocate on it: so the locks let their owner pass. Only the slow paths test for that.
/// </remarks>
internal unsafe struct FutexLock
{
    private const int Free = 0;
    private const int Held = 1;
    private const int HeldWithWaiters = 2;
    private const int HeldForFork = 3;

    private const int SpinsBeforeSleep = 100;

    // The thread pointer of the thread that is forking, 0 if none is. One at a time, by s_forking: libc runs the handlers of
    // threads that fork at once side by side.
    private static nint s_forkOwner;
    private static FutexLock s_forking;
    private static int s_forkDepth;

    private int _state;

    internal void Acquire()
    {
        if (Interlocked.CompareExchange(ref _state, Held, Free) != Free)
        {
            AcquireSlow();
        }
    }

    /// <summary>Takes the lock if it is free; the forking thread, which holds all of them, is told that it is not.</summary>
    internal bool TryAcquire() => Interlocked.CompareExchange(ref _state, Held, Free) == Free;

    internal void Release()
    {
        if (Interlocked.CompareExchange(ref _state, Free, Held) != Held)
        {
            ReleaseSlow();
        }
    }

    /// <summary>
    /// Announces that this thread will take every lock for a fork, when no other thread is at that; false if it has them
    /// already, because a fork handler forks.
    /// </summary>
    internal static bool BeginFork()
    {
        nint self = (nint)Shim.ThreadPointer();
        if (Volatile.Read(ref s_forkOwner) != self)
        {
            s_forking.Acquire();
            Volatile.Write(ref s_forkOwner, self);
        }

        return s_forkDepth++ == 0;
    }

    /// <summary>In the parent, after a fork; true if it was the outermost, so that the locks are to be renewed now.</summary>
    internal static bool LeaveFork() => --s_forkDepth == 0;

    /// <summary>Ends what <see cref="BeginFork"/> began, once every lock is renewed.</summary>
    internal static void EndFork(bool child)
    {
        s_forkDepth = 0;
        Volatile.Write(ref s_forkOwner, 0);
        s_forking.Renew(child);
    }

    internal void AcquireForFork()
    {
        Acquire();
        Volatile.Write(ref _state, HeldForFork);
    }

    /// <summary>Frees the lock after a fork; in the child nobody waits for it, whatever the word says.</summary>
    internal void Renew(bool child)
    {
        Volatile.Write(ref _state, Free);
        if (!child)
        {
            Os.FutexWake((int*)Unsafe.AsPointer(ref _state), int.MaxValue);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AcquireSlow()
    {
        for (int spins = 0; spins < SpinsBeforeSleep; spins++)
        {
            X86Base.Pause();
            if (Volatile.Read(ref _state) == Free && Interlocked.CompareExchange(ref _state, Held, Free) == Free)
            {
                return;
            }
        }

        int* word = (int*)Unsafe.AsPointer(ref _state);
        while (true)
        {
            int state = Volatile.Read(ref _state);
            if (state == HeldForFork && Volatile.Read(ref s_forkOwner) == (nint)Shim.ThreadPointer())
            {
                return;
            }

            if (state == Free)
            {
                // Another may be asleep, so the next release must wake.
                if (Interlocked.CompareExchange(ref _state, HeldWithWaiters, Free) == Free)
                {
                    return;
                }
            }
            else if (state == HeldForFork || state == HeldWithWaiters
                || Interlocked.CompareExchange(ref _state, HeldWithWaiters, Held) == Held)
            {
                Os.FutexWait(word, state == HeldForFork ? HeldForFork : HeldWithWaiters);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReleaseSlow()
    {
        // Held for a fork: the owner passed through, and keeps it.
        if (Interlocked.CompareExchange(ref _state, Free, HeldWithWaiters) == HeldWithWaiters)
        {
            Os.FutexWake((int*)Unsafe.AsPointer(ref _state), 1);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// A mutual-exclusion lock of one word that a fork can cross (<see cref="ForkGate"/>). Not recursive. All zeros is "free", so that zeroed
/// memory holds usable locks.
/// </summary>
internal unsafe struct FutexLock
{
    private const int Free = 0;
    private const int Held = 1;
    private const int HeldWithWaiters = 2;

    private const int SpinsBeforeSleep = 100;

    private int _state;

    /// <summary>Takes the lock, which is of that place in the order.</summary>
    internal void Acquire(LockOrder place)
    {
        if (ForkGate.IsPassed)
        {
            return;
        }

        AcquireUngated();
        if (ForkGate.IsClosed(place))
        {
            AcquireBehindGate(place);
        }
    }

    /// <summary>Takes the lock if it is free and no other thread forks.</summary>
    internal bool TryAcquire(LockOrder place)
    {
        if (ForkGate.IsPassed)
        {
            return true;
        }

        if (Interlocked.CompareExchange(ref _state, Held, Free) != Free)
        {
            return false;
        }

        if (ForkGate.IsClosed(place))
        {
            ReleaseUngated();
            return false;
        }

        return true;
    }

    internal void Release()
    {
        if (!ForkGate.IsPassed)
        {
            ReleaseUngated();
        }
    }

    /// <summary>Takes the lock whatever the gate is: that of the gate itself.</summary>
    internal void AcquireUngated()
    {
        if (Interlocked.CompareExchange(ref _state, Held, Free) != Free)
        {
            AcquireSlow();
        }
    }

    internal void ReleaseUngated()
    {
        if (Interlocked.CompareExchange(ref _state, Free, Held) != Held)
        {
            ReleaseSlow();
        }
    }

    /// <summary>For the forking thread: waits until nobody has the lock who took it before the gate was closed.</summary>
    internal void AwaitFree()
    {
        if (Volatile.Read(ref _state) != Free)
        {
            AcquireUngated();
            ReleaseUngated();
        }
    }

    /// <summary>In the child of a fork, where nobody has it, whatever the word says.</summary>
    internal void FreeInChild()
    {
        if (Volatile.Read(ref _state) != Free)
        {
            Volatile.Write(ref _state, Free);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AcquireBehindGate(LockOrder place)
    {
        while (ForkGate.IsClosed(place))
        {
            ReleaseUngated();
            ForkGate.Wait(place);
            AcquireUngated();
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

        // Another may be asleep, so the next release must wake.
        while (Interlocked.Exchange(ref _state, HeldWithWaiters) != Free)
        {
            Os.FutexWait((int*)Unsafe.AsPointer(ref _state), HeldWithWaiters);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReleaseSlow()
    {
        Volatile.Write(ref _state, Free);
        Os.FutexWake((int*)Unsafe.AsPointer(ref _state), 1);
    }
}

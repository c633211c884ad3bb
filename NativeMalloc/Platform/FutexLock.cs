using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// A mutual-exclusion lock of one word. Not recursive. All zeros is "free", so that zeroed memory holds usable locks. Only threads on a slow
/// path take one: a fork waits until there are none (<see cref="Insiders"/>).
/// </summary>
/// <remarks>
/// The order in which they are taken: the start's, the CPUs' slabs', the threads' slabs', a slab's, the sampler's, the quarantine's, a transfer cache's, a
/// central free list's, the remnants', that of the page heap's growth, the page heap's, the metadata's. Who holds one may wait for those after
/// it, and only try others of the same place. That of the <see cref="RelativeLimits"/> is taken with no other.
/// </remarks>
internal unsafe struct FutexLock
{
    private const int Free = 0;
    private const int Held = 1;
    private const int HeldWithWaiters = 2;

    private const int SpinsBeforeSleep = 100;

    private int _state;

    internal void Acquire()
    {
        if (Interlocked.CompareExchange(ref _state, Held, Free) != Free)
        {
            AcquireSlow();
        }
    }

    /// <summary>Takes the lock if it is free.</summary>
    internal bool TryAcquire() => Interlocked.CompareExchange(ref _state, Held, Free) == Free;

    internal void Release()
    {
        if (Interlocked.CompareExchange(ref _state, Free, Held) != Held)
        {
            ReleaseSlow();
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

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The workspaces, of which each walk takes one for itself, and what they share. They are made when they are first needed and stay. No lock: a
/// thread that is stopped in the middle of a walk keeps nobody else from one.
/// </summary>
internal static unsafe class Workspaces
{
    /// <summary>A walk takes microseconds, so that more than this many threads are never in one.</summary>
    private const int Most = 64;

    private static nint s_shared;

    internal struct Shared
    {
        internal RuleCache Rules;
        internal ObjectTable Objects;
        internal ulong Busy; // a bit for each
        internal fixed ulong Places[Most];
    }

    /// <summary>Null where there is no memory, or all are in use.</summary>
    internal static Workspace* Take()
    {
        Shared* shared = FindShared();
        if (shared == null)
        {
            return null;
        }

        ulong busy;
        ulong mine;
        do
        {
            busy = Volatile.Read(ref shared->Busy);
            mine = ~busy & (busy + 1);
            if (mine == 0)
            {
                return null;
            }
        }
        while (Interlocked.CompareExchange(ref Unsafe.As<ulong, long>(ref shared->Busy), (long)(busy | mine), (long)busy) != (long)busy);

        int number = BitOperations.TrailingZeroCount(mine);
        Workspace* work = (Workspace*)shared->Places[number];
        if (work == null)
        {
            work = (Workspace*)Metadata.Allocate(Workspace.Bytes);
            if (work == null)
            {
                SetFree(shared, number);
                return null;
            }

            work->Number = number;
            work->Shared = shared;
            shared->Places[number] = (ulong)work;
        }

        work->IsCertain = false;
        work->Pages.Forget();
        work->Objects.Forget();
        return work;
    }

    internal static void Give(Workspace* work) => SetFree(work->Shared, work->Number);

    private static void SetFree(Shared* shared, int number)
    {
        ulong busy;
        do
        {
            busy = Volatile.Read(ref shared->Busy);
        }
        while (Interlocked.CompareExchange(ref Unsafe.As<ulong, long>(ref shared->Busy), (long)(busy & ~(1UL << number)), (long)busy) != (long)busy);
    }

    private static Shared* FindShared()
    {
        nint shared = Volatile.Read(ref s_shared);
        return shared != 0 ? (Shared*)shared : MakeShared();
    }

    // Of two threads that come here at once, one makes it in vain.
    private static Shared* MakeShared()
    {
        byte* made = Metadata.Allocate((nuint)sizeof(Shared));
        if (made != null)
        {
            Interlocked.CompareExchange(ref Unsafe.As<nint, long>(ref s_shared), (long)made, 0);
        }

        return (Shared*)Volatile.Read(ref s_shared);
    }
}

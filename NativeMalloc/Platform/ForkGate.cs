using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Sees to it that no other thread has a lock while one forks. It takes none: there are hundreds, and parent and child would get copies
/// of all the pages that they lie on. It closes a gate to them, one place of <see cref="LockOrder"/> after the other, and waits
/// until those of the place are free.
/// </summary>
/// <remarks>
/// Whoever takes a lock looks at the gate after that, and the forking thread looks at the lock after it closed the gate, so that one of
/// them sees the other. Who finds it closed lets go without having touched anything; a child may find the lock taken, and frees it.
/// Other libraries' fork handlers, which run on the forking thread while the gate is closed, also in the child, may allocate: that
/// thread passes all locks, and neither takes nor frees one, since another may have it that has yet to look at the gate.
/// </remarks>
internal static unsafe class ForkGate
{
    // The place up to which locks are behind the closed gate; 0: none.
    private static int s_closed;

    // The thread pointer of the thread that is forking, 0 if none is. One at a time, by s_forking: libc runs the handlers of
    // threads that fork at once side by side.
    private static nint s_owner;
    private static FutexLock s_forking;
    private static int s_depth;

    /// <summary>
    /// Announces that this thread will fork, when no other thread is at that; false if it has closed the gate already, because a
    /// fork handler forks.
    /// </summary>
    internal static bool Begin()
    {
        if (!IsOwner)
        {
            s_forking.AcquireUngated();
            Volatile.Write(ref s_owner, (nint)Shim.ThreadPointer());
        }

        return s_depth++ == 0;
    }

    /// <summary>Keeps all other threads from locks of that place and those before it. Who has one of them keeps it until it is done.</summary>
    internal static void Close(LockOrder place) => Interlocked.Exchange(ref s_closed, (int)place);

    /// <summary>In the parent, after a fork; true if it was the outermost.</summary>
    internal static bool Leave() => --s_depth == 0;

    /// <summary>Opens the gate, and lets others fork. In a child after its locks were freed.</summary>
    internal static void Open(bool child)
    {
        s_depth = 0;
        Volatile.Write(ref s_closed, 0);
        Volatile.Write(ref s_owner, 0);
        if (child)
        {
            s_forking.FreeInChild();
        }
        else
        {
            Os.FutexWake(Word, int.MaxValue);
            s_forking.ReleaseUngated();
        }
    }

    /// <summary>Whether no other thread than the one that forks must have a lock of that place now.</summary>
    internal static bool IsClosed(LockOrder place) => Volatile.Read(ref s_closed) >= (int)place;

    /// <summary>Whether the calling thread forks, and the gate is closed to the others.</summary>
    internal static bool IsPassed
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsClosed(LockOrder.Last) && IsOwner;
    }

    /// <summary>Waits until the gate may have been opened. The caller has no lock of that place, or one before it.</summary>
    internal static void Wait(LockOrder place)
    {
        int closed = Volatile.Read(ref s_closed);
        if (closed >= (int)place)
        {
            Os.FutexWait(Word, closed);
        }
    }

    private static bool IsOwner => Volatile.Read(ref s_owner) == (nint)Shim.ThreadPointer();

    private static int* Word => (int*)Unsafe.AsPointer(ref s_closed);
}

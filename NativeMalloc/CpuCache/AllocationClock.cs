using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// The clock that runs with every allocation, whether or not it misses a cache: each thread's <see cref="ThreadState.Countdown"/>, off which
/// <see cref="Shim.Pop"/> counts the bytes that are asked for. When it has run out, the thread looks at <see cref="Clock"/> and sets it anew.
/// </summary>
/// <remarks>
/// <see cref="GoneBy"/> is exact, for who wants to know how many bytes were allocated: what only brings a look closer shortens the distance, too,
/// and what was not had in the end is counted back. A signal handler may come between any two steps: it finds a countdown, and leaves one.
/// </remarks>
internal static unsafe class AllocationClock
{
    /// <summary>More bytes than will ever go by.</summary>
    internal const long NoSample = long.MaxValue / 2;

    /// <summary>It is time for a look.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsDue(ThreadState* thread) => thread->Countdown < 0;

    /// <summary>Bytes that the thread asked for since the countdown was set.</summary>
    internal static long GoneBy(ThreadState* thread) => thread->Distance - 1 - thread->Countdown;

    /// <summary>Sets the countdown anew, at a look at that time, by an allocation of that size or a free (0). Returns what had gone by.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long Set(ThreadState* thread, nuint size, long now)
    {
        long goneBy = GoneBy(thread);
        thread->UntilSample -= goneBy;
        thread->Distance = LookDistance.Next(goneBy, (long)size, now - thread->LastLook);
        thread->Countdown = thread->Distance - 1; // due with the last byte of it
        thread->LastLook = now;
        return goneBy;
    }

    /// <summary>The bytes that have gone by have come to the thread's next sample.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsSampleDue(ThreadState* thread) => thread->UntilSample <= 0;

    /// <summary>The next sample is so many bytes from here; with none or fewer, it is the next allocation, however small.</summary>
    internal static void SetSample(ThreadState* thread, long bytes)
    {
        thread->UntilSample = bytes + GoneBy(thread);
        KeepSample(thread);
    }

    /// <summary>The next allocation brings a look.</summary>
    internal static void MakeDue(ThreadState* thread) => ShortenTo(thread, thread->Countdown, -1);

    /// <summary>After the countdown was set: it runs out with the next sample at the latest. One that is due already is the next allocation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void KeepSample(ThreadState* thread)
    {
        long left = thread->Countdown;
        long less = thread->UntilSample - GoneBy(thread) - 1;
        if (less < left)
        {
            ShortenTo(thread, left, less < -1 ? -1 : less);
        }
    }

    /// <summary>Counts what did not come by <see cref="Shim.Pop"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Count(ThreadState* thread, nuint size) => thread->Countdown -= (long)size;

    /// <summary>Counts back what came by it and was not had, or will come by it again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void CountBack(ThreadState* thread, nuint size) => thread->Countdown += (long)size;

    /// <summary>A free moved so many bytes along a slow path.</summary>
    internal static void Shorten(ThreadState* thread, long bytes)
    {
        long left = thread->Countdown;
        if (left >= 0)
        {
            ShortenTo(thread, left, LookDistance.AfterFree(left, bytes));
        }
    }

    /// <summary>An allocation of that size came along a slow path: the thread may have turned to such from larger ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Fit(ThreadState* thread, nuint size)
    {
        long left = thread->Countdown;
        long most = LookDistance.Most((long)size);
        if (left > most)
        {
            ShortenTo(thread, left, most);
        }
    }

    private static void ShortenTo(ThreadState* thread, long left, long less)
    {
        thread->Distance -= left - less;
        thread->Countdown = less;
    }
}

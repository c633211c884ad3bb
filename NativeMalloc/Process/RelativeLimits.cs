using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// NATIVEMALLOC_LIMIT and NATIVEMALLOC_SOFT_LIMIT as percentages, of what the <see cref="ControlGroup"/> may have. That is looked up when the
/// heap has outgrown what small programs have, and again now and then, since limits change and processes move. Files are opened only where
/// a percentage was asked for: a look takes a tenth of a millisecond, and a program may have forbidden it to itself (seccomp).
/// </summary>
internal static unsafe class RelativeLimits
{
    /// <summary>A program whose heap stays below opens no file.</summary>
    private const nuint LookFrom = 4 << 20;

    /// <summary>So that looks take less than a ten thousandth of the time.</summary>
    private const long MillisecondsBetween = 2000;

    private static Apart<FutexLock> s_lock;
    private static long s_lastLook;

    /// <summary>What the percentages are of, in bytes; 0 while nobody has looked.</summary>
    internal static ulong Of => (ulong)Volatile.Read(ref Options.Limits->Of);

    /// <summary>The file that says so.</summary>
    internal static byte* Source => Options.Limits->Source;

    private static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_lock.Value);

    /// <summary>Before so much more is taken for large blocks, after some was for small ones, and as periods end. No lock is held.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Follow(nuint bytes)
    {
        if (Options.AnyPercent)
        {
            Consider(bytes);
        }
    }

    // For the first look others wait, since until then there is no limit; later ones are one thread's affair.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Consider(nuint bytes)
    {
        if (Heap.Pages->UsedBytes + bytes < LookFrom || !IsDue)
        {
            return;
        }

        if (Of == 0)
        {
            Lock->Acquire();
        }
        else if (!Lock->TryAcquire())
        {
            return;
        }

        if (IsDue)
        {
            Look();
        }

        Lock->Release();
    }

    private static bool IsDue => Of == 0 || Periods.Ended(s_lastLook, Clock.Milliseconds, MillisecondsBetween) > 0;

    // What is in force stays where a lower limit may have been overlooked.
    private static void Look()
    {
        bool complete = ControlGroup.Find(take: Of == 0, out ulong bytes);
        s_lastLook = Clock.Milliseconds;
        if (complete || Of == 0)
        {
            Options.SetPercentagesOf(bytes);
            Options.Limits->Source = ControlGroup.Source;
            Volatile.Write(ref Options.Limits->Of, bytes != 0 ? (nint)bytes : 1); // of one the percentages are 0, too
        }
    }
}

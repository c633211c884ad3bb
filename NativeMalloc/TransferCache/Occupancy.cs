using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The bytes of all small objects that the program has, or the slabs: what left the transfer caches and did not come back. When they have
/// fallen to half of what they were, the caches are too large for what they serve, and the few objects in them may hold many spans.
/// A program whose heap comes back right after that must fall lower the next time, by half each time.
/// </summary>
/// <remarks>Threads may overwrite each other's updates of all but the bytes: it is a measure, no more.</remarks>
internal static class Occupancy
{
    /// <summary>Below this there is nothing worth it.</summary>
    private const long MinPeak = 128 << 10;

    /// <summary>Most times that the fall is halved, so that in the end it is to a thousandth.</summary>
    private const int MaxShift = 10;

    /// <summary>The period in which they fell, and the next.</summary>
    private const int PeriodsOfFall = 2;

    private static long s_bytes;
    private static long s_peak;
    private static int s_shift;
    private static int s_fell;
    private static int s_falling;

    // What the bytes would have to come back to, to show that the caches were emptied too soon.
    private static long s_comeback;

    /// <summary>Nobody has any.</summary>
    internal static void Begin()
    {
        s_bytes = 0;
        s_peak = 0;
        s_shift = 1;
        s_fell = 0;
        s_falling = 0;
        s_comeback = long.MaxValue;
    }

    /// <summary>The most bytes there were since they last fell so far.</summary>
    internal static nuint Peak => (nuint)Volatile.Read(ref s_peak);

    /// <summary>They fell so far in this period or the one before, and have not come back.</summary>
    internal static bool IsFalling => Volatile.Read(ref s_falling) > 0;

    internal static void Add(nuint bytes)
    {
        long now = Interlocked.Add(ref s_bytes, (long)bytes);
        if (now > s_peak)
        {
            s_peak = now;
            if (now >= s_comeback)
            {
                s_comeback = long.MaxValue;
                s_falling = 0;
                s_shift = s_shift < MaxShift ? s_shift + 1 : MaxShift;
            }
        }
    }

    internal static void Remove(nuint bytes)
    {
        long now = Interlocked.Add(ref s_bytes, -(long)bytes);
        if (now < s_peak >> s_shift && s_peak >= MinPeak)
        {
            s_comeback = s_comeback == long.MaxValue ? s_peak / 4 * 3 : s_comeback;
            s_peak = now;
            s_falling = PeriodsOfFall;
            Volatile.Write(ref s_fell, 1);
        }
    }

    /// <summary>True once, after the bytes have fallen so far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TakeFallen() => Volatile.Read(ref s_fell) != 0 && Interlocked.Exchange(ref s_fell, 0) != 0;

    /// <summary>Every so often: a comeback does not count any more, and a little less of a fall will do again.</summary>
    internal static void EndPeriod()
    {
        s_comeback = long.MaxValue;
        s_falling = s_falling > 0 ? s_falling - 1 : 0;
        s_shift = s_shift > 1 ? s_shift - 1 : 1;
    }
}

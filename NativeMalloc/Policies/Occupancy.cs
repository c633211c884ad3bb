using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// What becomes of the bytes of small objects that the program and its slabs have. When they have fallen to half of what they were, the caches
/// are too large for what they serve, and the few objects in them may hold many spans. A program whose heap comes back right after that must
/// fall lower the next time, by half each time.
/// </summary>
/// <remarks>Nobody counts them: they are summed up when much has come to a slab or left it, and at a period's end. Threads may overwrite each
/// other's updates: it is a measure, no more.</remarks>
internal struct Occupancy
{
    /// <summary>What comes to a slab or leaves it is much if it is such a part of the peak, and more than the least that any slab may hold.</summary>
    private const int MuchFraction = 32;
    private const long LeastMuch = SlabBudget.LeastOfOne;

    /// <summary>The period in which they fell, and the next.</summary>
    private const int PeriodsOfFall = 2;

    /// <summary>Back at three quarters of what they fell from, they have come back.</summary>
    private const int ComebackQuarters = 3;

    // All bits of the peak but one: that is never too soon.
    private const int LeastFall = sizeof(long) * 8 - 2;

    private long _peak;
    private int _shift;
    private int _falling;

    // What the bytes would have to come back to, to show that the caches were emptied too soon.
    private long _comeback;

    /// <summary>While nobody has any.</summary>
    internal static Occupancy Begin() => new() { _shift = 1, _comeback = long.MaxValue };

    /// <summary>The most bytes there were since they last fell so far.</summary>
    internal readonly nuint Peak => (nuint)Volatile.Read(in _peak);

    /// <summary>They fell so far in this period or the one before, and have not come back.</summary>
    internal readonly bool IsFalling => Volatile.Read(in _falling) > 0;

    /// <summary>The bytes may have risen or fallen notably with so many more, or fewer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly bool IsMuch(long bytes)
    {
        long much = Volatile.Read(in _peak) / MuchFraction;
        much = much > LeastMuch ? much : LeastMuch;
        return (ulong)(bytes + much) > (ulong)much * 2;
    }

    /// <summary>So many bytes there are now. True if they have fallen so far that the caches should be emptied.</summary>
    internal bool FallsWith(nuint bytes)
    {
        long now = (long)bytes;
        long peak = Volatile.Read(ref _peak);
        if (now > peak)
        {
            _peak = now;
            if (now >= _comeback)
            {
                _comeback = long.MaxValue;
                _falling = 0;
                _shift = _shift < LeastFall ? _shift + 1 : LeastFall;
            }

            return false;
        }

        if (now >= peak >> _shift || peak < 2 * LeastMuch)
        {
            return false;
        }

        _comeback = _comeback == long.MaxValue ? peak / 4 * ComebackQuarters : _comeback;
        _peak = now;
        _falling = PeriodsOfFall;
        return true;
    }

    /// <summary>So many periods have ended: a comeback does not count any more, and with each half as many halvings will do again.</summary>
    internal void EndPeriods(int ended)
    {
        _comeback = long.MaxValue;
        _falling = _falling > ended ? _falling - ended : 0;
        _shift = ended < LeastFall && _shift >> ended is var fewer && fewer > 1 ? fewer : 1;
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeMalloc;

/// <summary>
/// How much free memory the page heap keeps, and for how long. A quarter of what is in use may lie free, until nobody needed it for a period; what is
/// freed beyond that goes back to the kernel at once. Memory that is wanted again within a window should not have gone: from then on more may lie free,
/// for a whole window. So a heap that comes and goes faster than that is faulted in twice and then no more, and one that went is gone. In pages.
/// </summary>
/// <remarks>
/// Whoever rents until that has cost as much as to buy never pays more than twice the best price: here faults are bought, and idle memory is
/// rented. Which pages are idle nobody knows, only how many were never needed.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct ReleasePolicy
{
    /// <summary>
    /// In periods (NATIVEMALLOC_RELEASE_DELAY), beside the present one: by default 1 to 1.25 s, so that what comes once a second stays, and the rest
    /// of a heap that fell is gone after 1.5.
    /// </summary>
    internal const int Window = 4;

    /// <summary>
    /// Of what is in use, this part may lie free besides. (50 blocks of 1 to 10 MiB, replaced at random, took 46 us each with it, and 62 without; with
    /// all of it 38, but a program in Python was a tenth larger at its peak.)
    /// </summary>
    private const nint KeptFraction = 4;

    /// <summary>So much lies free in any heap until it is idle, or a small program would call the kernel all the time.</summary>
    internal const nint LeastKept = (4 << 20) >> PageMap.PageShift;

    /// <summary>Of what was wanted again so many times as much may lie free: it is a part of what will be, and what is too much goes with the window.</summary>
    private const nint LearnedMultiple = 2;

    /// <summary>What goes back at once is this share of all that holds memory, at least: a call for each free would cost more than it brings.</summary>
    private const nint StepFraction = 16;

    // Of the window, in a ring.
    private Period _first;
    private Period _second;
    private Period _third;
    private Period _fourth;
    private Period _fifth;
    private int _now;
    private nint _releasedInAll;

    // So much more may lie free, since it was wanted again soon; what nobody needed and should go back; and how much of it for the whole window.
    private nint _learned;
    private nint _idle;
    private nint _forgotten;

    // The least that lay free with memory in a period, the most that did or would have, and what went back and may be wanted again.
    private struct Period
    {
        internal nint Least;
        internal nint Most;
        internal nint Released;
    }

    /// <summary>What may lie free beside what is in use, if a limit has room for so much.</summary>
    internal readonly nint Kept(nint used, nint room)
    {
        nint kept = (used / KeptFraction > LeastKept ? used / KeptFraction : LeastKept) + _learned;
        return room > kept ? kept : room > 0 ? room : 0;
    }

    /// <summary>What should go back of so much that lies free.</summary>
    internal readonly nint Due(nint used, nint free, nint room)
    {
        nint excess = free - Kept(used, room);
        nint due = excess >= (used + free) / StepFraction || free > room ? excess : 0;
        due = due > _idle ? due : _idle;
        return due < free ? due : free;
    }

    /// <summary>Pages were taken, some of which held no memory; so many are left free that hold some.</summary>
    internal void OnTaken(nint left, nint withoutMemory)
    {
        ref nint least = ref At(ref _first, _now).Least;
        if (left < least)
        {
            least = left;
            _idle = left < _idle ? left : _idle;
            _forgotten = left < _forgotten ? left : _forgotten;
        }

        nint again = withoutMemory < _releasedInAll ? withoutMemory : _releasedInAll;
        _learned += LearnedMultiple * again;
        _releasedInAll -= again;
        for (int period = After(_now); again > 0; period = After(period)) // the oldest first
        {
            ref nint released = ref At(ref _first, period).Released;
            nint here = released < again ? released : again;
            released -= here;
            again -= here;
        }
    }

    /// <summary>Pages were given; so many lie free with memory now.</summary>
    internal void OnGiven(nint free)
    {
        ref nint most = ref At(ref _first, _now).Most;
        most = free + _releasedInAll > most ? free + _releasedInAll : most;
    }

    /// <summary>So much of what was due has gone back.</summary>
    internal void OnReleased(nint pages)
    {
        nint forgotten = pages < _forgotten ? pages : _forgotten;
        _forgotten -= forgotten;
        _idle -= pages < _idle ? pages : _idle;
        _releasedInAll += pages - forgotten;
        At(ref _first, _now).Released += pages - forgotten;
    }

    /// <summary>
    /// So many periods have ended: of what lay idle, so many percent should go back. Several end at once where nobody came by, so that in those
    /// after the first it was as it is now.
    /// </summary>
    internal void EndPeriods(int ended, nint free, nint percent)
    {
        for (int period = 0; period < ended && period <= Window; period++)
        {
            _now = After(_now);
            _releasedInAll -= At(ref _first, _now).Released;
            At(ref _first, _now) = new Period { Least = free, Most = free + _releasedInAll };
        }

        nint most = 0;
        nint least = free;
        for (int number = 0; number <= Window; number++)
        {
            Period of = At(ref _first, number);
            most = of.Most > most ? of.Most : most;
            least = of.Least < least ? of.Least : least;
        }

        _learned = _learned < most - least ? _learned : most - least; // what came and went was of use
        nint last = At(ref _first, _now > 0 ? _now - 1 : Window).Least;
        nint idle = (last < free ? last : free) - _learned;
        _forgotten = least * percent / 100;
        _idle = (idle > least ? idle : least) * percent / 100;
    }

    private static ref Period At(ref Period first, int number) => ref Unsafe.Add(ref first, number);

    private static int After(int period) => period < Window ? period + 1 : 0;
}

namespace NativeMalloc;

/// <summary>
/// How much free memory the page heap keeps. A share of what is in use stays for the next spans; what lies free beyond that goes back
/// to the kernel at the free itself, so that a program that frees everything and goes quiet is small at once. Memory that is
/// wanted again right after it went back raises the bound, for as long as the program uses it so; and what nobody wanted for a whole
/// period goes back by and by (NATIVEMALLOC_RELEASE_RATE). In pages.
/// </summary>
internal struct ReleasePolicy
{
    /// <summary>Kept whatever the heap's size, until it has lain idle.</summary>
    private const nint MinKept = (4 << 20) >> PageMap.PageShift;

    private const nint KeptFraction = 8;

    /// <summary>Idle memory of so little goes back whole rather than by parts.</summary>
    private const nint SmallRest = (1 << 20) >> PageMap.PageShift;

    /// <summary>Each period, this share of what was learned and not confirmed is forgotten.</summary>
    private const nint ForgottenFraction = 8;

    // Wanted again soon after it went back.
    private nint _learned;

    // Gone back in this period and the one before, and not yet taken again.
    private nint _released;
    private nint _releasedBefore;

    // The least and the most that lay free, with memory, in this period.
    private nint _least;
    private nint _most;

    /// <summary>What may lie free when so many pages are in use.</summary>
    internal readonly nint Kept(nint used)
    {
        nint kept = (used / KeptFraction is var share && share > MinKept ? share : MinKept) + _learned;
        nint room = LimitPages - used;
        return room > kept ? kept : room > 0 ? room : 0;
    }

    /// <summary>There is an option that limits how much memory the heap may have, in use and free.</summary>
    internal readonly bool IsLimited => Options.Limit != Options.NoLimit || Options.SoftLimit != Options.NoLimit;

    private static nint LimitPages => (nint)((Options.Limit < Options.SoftLimit ? Options.Limit : Options.SoftLimit) >> PageMap.PageShift)
        - (nint)(Metadata.TouchedBytes >> PageMap.PageShift);

    /// <summary>Pages were taken, some of which held no memory; so many are left free that hold some.</summary>
    internal void OnTaken(nint left, nint withoutMemory)
    {
        if (left < _least)
        {
            _least = left;
        }

        nint again = withoutMemory < _released + _releasedBefore ? withoutMemory : _released + _releasedBefore;
        if (again > 0)
        {
            _learned += again;
            nint before = again < _releasedBefore ? again : _releasedBefore;
            _releasedBefore -= before;
            _released -= again - before;
        }
    }

    /// <summary>Pages were given; so many lie free with memory now.</summary>
    internal void OnGiven(nint free)
    {
        if (free > _most)
        {
            _most = free;
        }
    }

    /// <summary>Pages went back that were due.</summary>
    internal void OnReleased(nint pages) => _released += pages;

    /// <summary>So many periods have ended in which memory could lie idle; returns how many pages should go back now.</summary>
    internal nint EndPeriods(int ended, nint free)
    {
        nint idle = EndPeriod(free);
        for (int more = 1; more < ended && (_learned > 0 || (idle < free && Options.ReleaseRate > 0)); more++)
        {
            idle += EndPeriod(free - idle);
        }

        _least = free;
        _most = free;
        return idle;
    }

    private nint EndPeriod(nint free)
    {
        nint idle = _least < free ? _least : free;
        nint unconfirmed = _learned - (_most - _least); // what came and went shows how much is of use
        if (unconfirmed > 0)
        {
            _learned -= (unconfirmed + ForgottenFraction - 1) / ForgottenFraction;
        }

        _releasedBefore = _released;
        _released = 0;
        _least = free;
        _most = free;
        return idle > SmallRest ? idle * (nint)Options.ReleaseRate / 100 : idle;
    }
}

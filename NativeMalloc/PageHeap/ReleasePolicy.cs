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

    /// <summary>
    /// Of a small heap's free pages so many go back as it has more memory than it ever used, if those are this share of it at least; in all, a
    /// multiple of the most it used. (Without the share, minimise's peak was 3 % lower, and it had twice as many faults more.)
    /// </summary>
    private const nint LeastExchanged = (64 << 10) >> PageMap.PageShift;
    private const nint ExchangedFraction = 16;
    private const nint ExchangedMultiple = 2;

    // Wanted again soon after it went back.
    private nint _learned;

    // Gone back in this period and the one before, and not yet taken again.
    private nint _released;
    private nint _releasedBefore;

    // The least and the most that lay free, with memory, in this period.
    private nint _least;
    private nint _most;

    // The most pages that were ever in use, and how many may still go back for others.
    private nint _mostUsed;
    private nint _mayExchange;

    /// <summary>What may lie free when so many pages are in use.</summary>
    internal readonly nint Kept(nint used)
    {
        nint kept = (used / KeptFraction is var share && share > MinKept ? share : MinKept) + _learned;
        nint room = LimitPages - used;
        return room > kept ? kept : room > 0 ? room : 0;
    }

    /// <summary>
    /// How many free pages of a heap of small pages should go back for those that were just taken. A block for which no free row is long
    /// enough takes fresh memory, and the heap's peak would be what it used and the rows that were too short. Faults later are the price.
    /// </summary>
    internal readonly nint Exchangeable(nint used, nint free)
    {
        nint pages = used + free - _mostUsed;
        pages = pages < _mayExchange ? pages : _mayExchange;
        return pages < LeastExchanged || pages < _mostUsed / ExchangedFraction ? 0 : pages;
    }

    /// <summary>There is an option that limits how much memory the heap may have, in use and free.</summary>
    internal readonly bool IsLimited => Options.Limit != Options.NoLimit || Options.SoftLimit != Options.NoLimit;

    private static nint LimitPages => (nint)((Options.Limit < Options.SoftLimit ? Options.Limit : Options.SoftLimit) >> PageMap.PageShift)
        - (nint)(Metadata.TouchedBytes >> PageMap.PageShift);

    /// <summary>Pages were taken, some of which held no memory; so many are in use now, and so many are left that hold some.</summary>
    internal void OnTaken(nint used, nint left, nint withoutMemory)
    {
        if (used > _mostUsed)
        {
            _mayExchange += (used - _mostUsed) * ExchangedMultiple;
            _mostUsed = used;
        }

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

    internal void OnReleased(nint pages, bool exchanged)
    {
        if (exchanged)
        {
            _mayExchange -= pages;
        }
        else
        {
            _released += pages;
        }
    }

    /// <summary>Ends a period in which memory could lie idle; returns how many pages should go back now.</summary>
    internal nint EndPeriod(nint free)
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

using System.Numerics;

namespace NativeMalloc;

/// <summary>
/// The spans of one class that have objects here, in lists by how full (of objects that are out) they are. Objects are
/// taken from the fullest, so that the emptiest can become empty and go back to the page heap.
/// </summary>
/// <remarks>
/// Of each rank there are two lists: of the spans that objects came to or were taken from since they were last looked through for idle pages
/// (<see cref="NextToLook"/>), and of the settled ones, which have been. So a look is at what the program has used, never at all there is. A
/// span is quiet when nothing came to it or was taken since the last look. The settled ones are the last of their rank to be taken from:
/// they may have holes.
/// </remarks>
internal unsafe struct SpanRanks
{
    internal const int Ranks = 8;

    /// <summary>The rank of a span that has no object here and therefore is in no list.</summary>
    internal const int Exhausted = Ranks;

    private const int ListsOfRank = 2;

    // As LeastOut it makes every object that comes back move the span, which so ceases to be quiet.
    private const ushort Quiet = 0xffff;

    private fixed ulong _heads[Ranks * ListsOfRank];

    // A bit for each list that has a span.
    private ulong _some;

    // The ranks that the look under way has not come to yet, and the next span of the one where it is.
    private int _ranksToLook;
    private ulong _nextToLook;

    /// <summary>The rank of a span by the share of its objects that is out; <see cref="Exhausted"/> if all are.</summary>
    internal static int RankOf(Span* span) => span->Out * Ranks / span->Objects;

    /// <summary>A span of the fullest rank, or null.</summary>
    internal readonly Span* Fullest() => _some != 0 ? (Span*)_heads[63 - BitOperations.LeadingZeroCount(_some)] : null;

    /// <summary>A span of the emptiest rank of so many, or null.</summary>
    internal readonly Span* Emptiest(int ranks)
    {
        int list = _some != 0 ? BitOperations.TrailingZeroCount(_some) : Ranks * ListsOfRank;
        return list < ranks * ListsOfRank ? (Span*)_heads[list] : null;
    }

    /// <summary>Enters a span that is in no list, and that is not quiet.</summary>
    internal void Add(Span* span)
    {
        int rank = RankOf(span);
        span->LeastOut = (ushort)(rank == 0 ? 1 : (rank * span->Objects + Ranks - 1) / Ranks);
        Enter(span, rank, settled: false);
    }

    /// <summary>Takes a span out of the list it is in, if any.</summary>
    internal void Remove(Span* span)
    {
        if (span->Rank == Exhausted)
        {
            return;
        }

        if (_nextToLook == (ulong)span)
        {
            _nextToLook = (ulong)span->Next;
        }

        int list = ListOf(span);
        SpanList.Remove(ref _heads[list], span);
        if (_heads[list] == 0)
        {
            _some &= ~(1UL << list);
        }
    }

    /// <summary>Moves a span from which objects were taken to the list where it belongs.</summary>
    internal void Update(Span* span)
    {
        if (!IsInPlace(span) || span->LeastOut == Quiet)
        {
            Remove(span);
            Add(span);
        }
    }

    /// <summary>A look at the spans that are not settled begins; one that is under way goes on, or begins anew.</summary>
    internal void BeginLook(bool anew = false)
    {
        if (anew || (_ranksToLook == 0 && _nextToLook == 0))
        {
            _ranksToLook = Ranks;
            _nextToLook = 0;
        }
    }

    /// <summary>The next span, of the emptiest rank first; null at the end. It may be moved.</summary>
    internal Span* NextToLook()
    {
        while (_nextToLook == 0 && _ranksToLook > 0)
        {
            _nextToLook = _heads[(Ranks - _ranksToLook--) * ListsOfRank + 1];
        }

        Span* span = (Span*)_nextToLook;
        if (span != null)
        {
            _nextToLook = (ulong)span->Next;
        }

        return span;
    }

    /// <summary>From now on a span is quiet, until an object comes or is taken; true if it has been since the last look.</summary>
    internal static bool Quieten(Span* span)
    {
        bool quiet = span->LeastOut == Quiet;
        span->LeastOut = Quiet;
        return quiet;
    }

    /// <summary>Puts a span out of everybody's reach: objects may come to it, but it is in no list and does not move, until it is entered again.</summary>
    internal void Withdraw(Span* span)
    {
        Remove(span);
        span->Rank = Exhausted;
        span->LeastOut = 0;
    }

    /// <summary>Enters a quiet span that is in no list, and was looked through.</summary>
    internal void Settle(Span* span)
    {
        span->LeastOut = Quiet;
        Enter(span, RankOf(span), settled: true);
    }

    private void Enter(Span* span, int rank, bool settled)
    {
        span->Rank = (byte)rank;
        span->Settled = settled;
        if (rank != Exhausted)
        {
            int list = ListOf(span);
            SpanList.Add(ref _heads[list], span);
            _some |= 1UL << list;
        }
    }

    // The one that is taken from first has the higher number.
    private static int ListOf(Span* span) => span->Rank * ListsOfRank + (span->Settled ? 0 : 1);

    // Its rank is RankOf's: without the division, since each object that comes or goes asks.
    private static bool IsInPlace(Span* span) => (uint)(span->Out * Ranks - span->Rank * span->Objects) < span->Objects;
}

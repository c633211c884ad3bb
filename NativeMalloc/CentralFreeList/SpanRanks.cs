namespace NativeMalloc;

/// <summary>
/// The spans of one class that have objects here, in lists by how full (of objects that are out) they are. Objects are
/// taken from the fullest, so that the emptiest can become empty and go back to the page heap.
/// </summary>
internal unsafe struct SpanRanks
{
    internal const int Ranks = 8;

    /// <summary>The rank of a span that has no object here and therefore is in no list.</summary>
    internal const int Exhausted = Ranks;

    private fixed ulong _heads[Ranks];

    /// <summary>The rank of a span by the share of its objects that is out; <see cref="Exhausted"/> if all are.</summary>
    internal static int RankOf(Span* span) => span->Out * Ranks / span->Objects;

    /// <summary>A span of the fullest rank, or null.</summary>
    internal readonly Span* Fullest()
    {
        for (int rank = Ranks - 1; rank >= 0; rank--)
        {
            if (_heads[rank] != 0)
            {
                return (Span*)_heads[rank];
            }
        }

        return null;
    }

    /// <summary>A span of the emptiest rank of so many, or null.</summary>
    internal readonly Span* Emptiest(int ranks)
    {
        for (int rank = 0; rank < ranks; rank++)
        {
            if (_heads[rank] != 0)
            {
                return (Span*)_heads[rank];
            }
        }

        return null;
    }

    /// <summary>Enters a span that is in no list.</summary>
    internal void Add(Span* span)
    {
        int rank = RankOf(span);
        span->Rank = (byte)rank;
        span->LeastOut = (ushort)(rank == 0 ? 1 : (rank * span->Objects + Ranks - 1) / Ranks);
        if (rank != Exhausted)
        {
            SpanList.Add(ref _heads[rank], span);
        }
    }

    /// <summary>Takes a span out of the list it is in, if any.</summary>
    internal void Remove(Span* span)
    {
        if (span->Rank != Exhausted)
        {
            SpanList.Remove(ref _heads[span->Rank], span);
        }
    }

    /// <summary>Moves a span whose objects came or went to the list where it belongs.</summary>
    internal void Update(Span* span)
    {
        if (!IsInPlace(span))
        {
            Remove(span);
            Add(span);
        }
    }

    // Its rank is RankOf's: without the division, since each object that comes or goes asks.
    private static bool IsInPlace(Span* span) => (uint)(span->Out * Ranks - span->Rank * span->Objects) < span->Objects;
}

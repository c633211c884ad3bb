using System.Numerics;

namespace NativeMalloc;

/// <summary>
/// The huge pages without a used page, as runs of neighbours that merge. This is also the cache of large blocks: what is freed
/// stays here, with its memory, until the page heap's bound is reached.
/// </summary>
/// <remarks>
/// A run is in a list by its length, apart from the others if no huge page of it has memory to give. Inside a run, the ends of each row of
/// such huge pages know how long the row is (<see cref="HugePage.BareLength"/>): so the first that has memory is found with one step.
/// </remarks>
internal unsafe struct HugePageRuns
{
    // Up to here each length has its list; then there are so many lists for each doubling.
    private const int ExactLists = 64;
    private const int ListsPerDoubling = 8;

    /// <summary>Of a list that has runs of other lengths, too, so many are looked at for one that is long enough.</summary>
    private const int MostTried = 8;

    private HugePageLists<HugePage.Links> _backed;
    private HugePageLists<HugePage.Links> _bare;
    private nint _count;

    /// <summary>How many huge pages there are in all runs.</summary>
    internal readonly nuint Count => (nuint)_count;

    /// <summary>A run of at least <paramref name="length"/> huge pages, of about the shortest that there are, or null. If it can be, one that has memory.</summary>
    internal HugePage* Find(int length)
    {
        HugePage* backed = Find(ref _backed, length);
        HugePage* bare = Find(ref _bare, length);
        return bare == null || (backed != null && ListOf(backed->RunLength) <= ListOf(bare->RunLength)) ? backed : bare;
    }

    /// <summary>Of the longest runs that have memory to give, the first huge page that has some; null if there is none. It is made the first of its run.</summary>
    internal HugePage* FindBacked()
    {
        HugePage* run = _backed.Last();
        if (run == null || run->BareLength == 0)
        {
            return run;
        }

        int offset = run->BareLength;
        int rest = run->RunLength - offset;
        HugePage* backed = Neighbour(run, offset);
        Unlink(run);
        Link(run, offset);
        Link(backed, rest);
        return backed;
    }

    /// <summary>All runs one after the other: the first, after null; null, after the last.</summary>
    internal HugePage* After(HugePage* run)
    {
        HugePage* next = run == null || !IsBare(run) ? After(ref _backed, run) : null;
        return next != null ? next : After(ref _bare, run != null && IsBare(run) ? run : null);
    }

    /// <summary>No huge page of the run has memory to give.</summary>
    internal static bool IsBare(HugePage* run) => run->BareLength == run->RunLength;

    /// <summary>Enters a run of empty huge pages, of which all have memory to give or none has, and merges it with its free neighbours.</summary>
    internal void Add(HugePage* first, int length)
    {
        HugePage* before = PageMap.HugePageOf(first->Start - PageMap.HugePageSize);
        HugePage* after = PageMap.HugePageOf(first->Start + (nuint)length * PageMap.HugePageSize);
        HugePage* run = first;
        int whole = length;
        if (before != null && before->RunLength != 0)
        {
            run = RunThatEndsAt(before);
            whole += run->RunLength;
            Unlink(run);
        }

        if (after != null && after->RunLength > 0)
        {
            whole += after->RunLength;
            Unlink(after);
        }

        if (!first->HasMemoryToGive)
        {
            JoinBare(first, length, before, after);
        }

        Link(run, whole);
    }

    /// <summary>Takes <paramref name="count"/> huge pages from the beginning of a run; the rest of it stays.</summary>
    internal void Cut(HugePage* run, int count)
    {
        int rest = run->RunLength - count;
        Unlink(run);
        int end = 0;
        while (end < count)
        {
            HugePage* row = Neighbour(run, end);
            int bare = row->BareLength;
            end += bare > 0 ? bare : 1;
            if (bare > 0)
            {
                SetBareLength(row, bare, 0);
            }
        }

        if (rest > 0)
        {
            HugePage* next = Neighbour(run, count);
            if (end > count)
            {
                SetBareLength(next, end - count, end - count);
            }

            Link(next, rest);
        }
    }

    /// <summary>Divides a run before one of its huge pages, of which what follows will be taken whole: all of that is walked.</summary>
    internal void BeginAt(HugePage* first)
    {
        int count = 1;
        HugePage* last = first;
        for (; last->RunLength == 0; count++)
        {
            last = Neighbour(first, count);
        }

        HugePage* run = RunThatEndsAt(last);
        int rest = run->RunLength - count;
        Unlink(run);
        for (int length, end = count; end > 0; end -= length)
        {
            int bare = Neighbour(first, end - 1)->BareLength;
            length = bare > 0 ? bare : 1;
            if (length > end)
            {
                SetBareLength(Neighbour(first, end - length), length - end, length - end);
                SetBareLength(first, end, end);
            }
        }

        Link(run, rest);
        Link(first, count);
    }

    /// <summary>A huge page so many behind another, or before it.</summary>
    internal static HugePage* Neighbour(HugePage* hugePage, int distance) =>
        PageMap.HugePageOf(hugePage->Start + (nuint)(nint)distance * PageMap.HugePageSize);

    private static HugePage* RunThatEndsAt(HugePage* last) => last->RunLength > 0 ? last : Neighbour(last, 1 + last->RunLength);

    private static HugePage* Find(ref HugePageLists<HugePage.Links> lists, int length)
    {
        int list = ListOf(length);
        int tried = 0;
        for (HugePage* run = lists.First(list); run != null && tried < MostTried; run = run->Next, tried++)
        {
            if (run->RunLength >= length)
            {
                return run;
            }
        }

        return lists.FirstFrom(list + 1);
    }

    private static HugePage* After(ref HugePageLists<HugePage.Links> lists, HugePage* run) =>
        run == null ? lists.FirstFrom(0) : run->Next != null ? run->Next : lists.FirstFrom(ListOf(run->RunLength) + 1);

    // Up to ExactLists lengths, then a list for each eighth of a doubling.
    private static int ListOf(int length)
    {
        if (length < ExactLists)
        {
            return length;
        }

        int doublings = 63 - BitOperations.LeadingZeroCount((ulong)(length / ExactLists));
        return ExactLists + doublings * ListsPerDoubling + (length >> doublings) / (ExactLists / ListsPerDoubling) % ListsPerDoubling;
    }

    // Makes one row of huge pages without memory to give, and those before and behind them.
    private static void JoinBare(HugePage* first, int length, HugePage* before, HugePage* after)
    {
        if (before != null && before->BareLength > 0)
        {
            int more = before->BareLength;
            first = Neighbour(before, 1 - more);
            length += more;
            SetBareLength(first, more, 0);
        }

        if (after != null && after->BareLength > 0)
        {
            int more = after->BareLength;
            length += more;
            SetBareLength(after, more, 0);
        }

        SetBareLength(first, length, length);
    }

    // At both ends of so many.
    private static void SetBareLength(HugePage* first, int count, int value)
    {
        first->BareLength = value;
        Neighbour(first, count - 1)->BareLength = value;
    }

    private void Link(HugePage* run, int length)
    {
        _count += length;
        Neighbour(run, length - 1)->RunLength = -length;
        run->RunLength = length;
        if (IsBare(run))
        {
            _bare.Add(ListOf(length), run);
        }
        else
        {
            _backed.Add(ListOf(length), run);
        }
    }

    private void Unlink(HugePage* run)
    {
        int length = run->RunLength;
        _count -= length;
        if (IsBare(run))
        {
            _bare.Remove(ListOf(length), run);
        }
        else
        {
            _backed.Remove(ListOf(length), run);
        }

        Neighbour(run, length - 1)->RunLength = 0;
        run->RunLength = 0;
    }
}

using System.Numerics;

namespace NativeMalloc;

/// <summary>
/// The huge pages without a used page, as runs of neighbours that merge, in lists by length. This is also the cache of
/// large blocks: what is freed stays here, with its memory, until the page heap's bound is reached.
/// </summary>
internal unsafe struct HugePageRuns
{
    // Lists for lengths 1 to 62, then one for all longer runs.
    private const int Lists = 64;
    private const int LongList = Lists - 1;

    private fixed ulong _heads[Lists];
    private ulong _nonEmpty;

    /// <summary>The shortest run of at least <paramref name="length"/> huge pages, or null.</summary>
    internal readonly HugePage* Find(int length)
    {
        ulong lists = length < LongList ? _nonEmpty & (ulong.MaxValue << length) : _nonEmpty & (1UL << LongList);
        if (lists == 0)
        {
            return null;
        }

        int list = BitOperations.TrailingZeroCount(lists);
        if (list < LongList)
        {
            return (HugePage*)_heads[list];
        }

        HugePage* best = null;
        for (HugePage* run = (HugePage*)_heads[LongList]; run != null; run = run->Next)
        {
            if (run->RunLength >= length && (best == null || run->RunLength < best->RunLength))
            {
                best = run;
            }
        }

        return best;
    }

    /// <summary>The first run in the list for this length, or null.</summary>
    internal readonly HugePage* First(int list) => (HugePage*)_heads[list];

    internal static int ListCount => Lists;

    /// <summary>How many huge pages there are in all runs.</summary>
    internal readonly nuint Count()
    {
        nuint count = 0;
        for (int list = 1; list < Lists; list++)
        {
            for (HugePage* run = First(list); run != null; run = run->Next)
            {
                count += (nuint)run->RunLength;
            }
        }

        return count;
    }

    /// <summary>Enters a run of empty huge pages and merges it with its free neighbours.</summary>
    internal void Add(HugePage* first, int length)
    {
        HugePage* before = PageMap.HugePageOf(first->Start - PageMap.HugePageSize);
        if (before != null && before->RunLength > 0)
        {
            int extra = before->RunLength;
            first = PageMap.HugePageOf(first->Start - (nuint)extra * PageMap.HugePageSize);
            Unlink(first);
            length += extra;
        }

        HugePage* after = PageMap.HugePageOf(first->Start + (nuint)length * PageMap.HugePageSize);
        if (after != null && after->RunLength > 0)
        {
            length += after->RunLength;
            Unlink(after);
        }

        Link(first, length);
    }

    /// <summary>
    /// Takes <paramref name="length"/> huge pages, from <paramref name="offset"/> huge pages on, out of a run; the rest of it stays.
    /// </summary>
    internal void Cut(HugePage* run, int offset, int length)
    {
        int whole = run->RunLength;
        Unlink(run);
        if (offset > 0)
        {
            Link(run, offset);
        }

        int rest = whole - offset - length;
        if (rest > 0)
        {
            Link(PageMap.HugePageOf(run->Start + (nuint)(offset + length) * PageMap.HugePageSize), rest);
        }
    }

    private void Link(HugePage* run, int length)
    {
        HugePage* last = PageMap.HugePageOf(run->Start + (nuint)(length - 1) * PageMap.HugePageSize);
        run->RunLength = length;
        last->RunLength = length;

        int list = length < LongList ? length : LongList;
        HugePageList.Add(ref _heads[list], run);
        _nonEmpty |= 1UL << list;
    }

    private void Unlink(HugePage* run)
    {
        int length = run->RunLength;
        int list = length < LongList ? length : LongList;
        HugePageList.Remove(ref _heads[list], run);
        if (_heads[list] == 0)
        {
            _nonEmpty &= ~(1UL << list);
        }

        PageMap.HugePageOf(run->Start + (nuint)(length - 1) * PageMap.HugePageSize)->RunLength = 0;
        run->RunLength = 0;
    }
}

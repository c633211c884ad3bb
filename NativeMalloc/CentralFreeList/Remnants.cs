using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>What stands behind the remnants.</summary>
internal unsafe interface IRemnantSource
{
    /// <summary>Gives pages of what begins there back, which hold nothing any more and are out of the page map: a bit each. No lock is held.</summary>
    static abstract void GivePages(nuint start, uint pages);

    /// <summary>Forgets a span that has no pages left.</summary>
    static abstract void Forget(Span* span);
}

/// <summary>
/// Spans of which few objects are left, so that their class does not need the rest of them: objects of all classes are cut from what is
/// free in between, and whole free pages go back to the page heap. A heap whose sizes shift would else keep a span for each of the few
/// that stay.
/// </summary>
/// <remarks>
/// A span is divided into units of 16 bytes. Which are used, and at which of them an object begins, is kept in two sets beside the span.
/// Its pages are of class 0, so that a free of an object in it asks here for its class, and then goes on as any other: through the caches,
/// from which it comes back here in a batch.
/// Readers of an object's size take no lock: a beginning is entered before its units are, and taken out after them. A page that went
/// back is used, and begins like an object, for good.
/// All zeros is the empty collection.
/// </remarks>
internal unsafe partial struct Remnants<TSource>
    where TSource : IRemnantSource
{
    private const int UnitShift = RemnantUnits.Shift;
    private const int UnitsPerPage = RemnantUnits.PerPage;

    /// <summary>Memory for the sets of a span of so many pages; null if there is none.</summary>
    internal ulong* TakeSets(nuint pages)
    {
        Lock.Acquire();
        void* sets = PoolOf(ref this, pages)->TakeFree(BytesOfSets(pages));
        Lock.Release();
        return (ulong*)(sets != null ? sets : Metadata.Allocate(BytesOfSets(pages)));
    }

    internal void GiveSets(nuint pages, ulong* sets)
    {
        Lock.Acquire();
        PoolOf(ref this, pages)->Give(sets);
        Lock.Release();
    }

    /// <summary>
    /// Takes a span over from its class's free list, which has forgotten it and whose lock is held; its pages have class 0 from now on.
    /// Returns those, a bit each, that hold nothing and are to be given to the page heap.
    /// </summary>
    internal uint Add(Span* span, nuint sizeClass, ulong* sets)
    {
        int unitsOfObject = (int)(SizeClasses.Size(sizeClass) >> UnitShift);
        ulong* begins = Begins(span, sets);
        int usedUnits = 0;
        for (int number = 0; number < span->Objects; number++)
        {
            if (!span->IsHere(number))
            {
                Bits.Set(begins, number * unitsOfObject, 1);
                Bits.Set(sets, number * unitsOfObject, unitsOfObject);
                usedUnits += unitsOfObject;
            }
        }

        span->BecomeRemnant(sets);
        PageMap.ForgetClass(span);
        span->Out = (ushort)span->Pages;
        Lock.Acquire();
        _vainUnits = 0;
        _usedUnits += usedUnits;
        _pages += (nint)span->Pages;
        uint pages = TakeFreePages(span, 0, (int)span->Pages);
        Link(span);
        Lock.Release();
        return pages;
    }

    /// <summary>
    /// Takes up to <paramref name="count"/> objects; returns how many, none if there is no room: in spans that are sure to have some, or,
    /// where there is no other memory, in any.
    /// </summary>
    internal int Take(nuint sizeClass, void** objects, int count, bool any = false)
    {
        // Aligned as it would be in a span of its class: aligned blocks come from the same caches.
        int units = (int)(SizeClasses.Size(sizeClass) >> UnitShift);
        int alignment = (int)(SizeClasses.Alignment(sizeClass) >> UnitShift);
        if (_pages == 0)
        {
            return 0;
        }

        Lock.Acquire();
        int taken = 0;
        for (Span* sure; taken < count && (sure = Find(units + alignment - 1)) != null;)
        {
            taken += Cut(sure, units, alignment, objects + taken, count - taken);
        }

        any &= taken == 0 && !IsVain(units, alignment);
        for (int list = ListOf(units); any && taken == 0 && list < Lists; list++)
        {
            for (Span* span = (Span*)_heads[list]; span != null && taken == 0;)
            {
                Span* next = span->Next;
                taken = Cut(span, units, alignment, objects, count);
                span = next;
            }
        }

        if (any && taken == 0)
        {
            _vainUnits = units;
            _vainAlignment = alignment;
        }

        Lock.Release();
        return taken;
    }

    /// <summary>
    /// Takes objects of the class back. Those that do not begin in a remnant, or are free already, or of another class, are left, first in the
    /// row; returns how many. The last one of a page takes that along.
    /// </summary>
    internal int Give(nuint sizeClass, void** objects, int count)
    {
        int units = (int)(SizeClasses.Size(sizeClass) >> UnitShift);
        int others = 0;
        Lock.Acquire();
        for (int i = 0; i < count; i++)
        {
            nuint address = (nuint)objects[i];
            Span* span = PageMap.SpanOf(address);
            int first = 0;
            if (span == null || !span->Remnant || UnitsAt(span, address, out first) != units)
            {
                objects[others++] = objects[i];
                continue;
            }

            nuint start = span->Start;
            uint pages = GiveUnits(span, first, units);
            if (pages != 0)
            {
                Lock.Release();
                TSource.GivePages(start, pages);
                Lock.Acquire();
            }
        }

        Lock.Release();
        return others;
    }

    /// <summary>Bytes of the object that begins at the address; 0 if none does. The object is the caller's, or the lock is held.</summary>
    internal static nuint SizeAt(Span* span, nuint address) => (nuint)UnitsAt(span, address, out _) << UnitShift;

    /// <summary>Where the object begins in which an address lies; 0 if none does. As <see cref="SizeAt"/>.</summary>
    internal static nuint ObjectAt(Span* span, nuint address)
    {
        int unit = (int)((address - span->Start) >> UnitShift);
        int begin = Bits.AfterPreviousSet(Begins(span, span->Units), unit + 1) - 1;
        return begin >= 0 && Bits.Has(span->Units, unit) ? span->Start + ((nuint)begin << UnitShift) : 0;
    }

    /// <summary>The units of a page of a span at which objects begin, 64 to a word.</summary>
    internal static ulong BeginsAt(Span* span, nuint page, int word)
    {
        int number = (int)((page - span->Start) >> PageMap.PageShift) * (UnitsPerPage / 64) + word;
        return span->Units[number] & Begins(span, span->Units)[number];
    }

    /// <summary>The class of the object in a remnant that begins at the address, and is the caller's; 0 if none does.</summary>
    internal static nuint ClassAt(Span* span, nuint address)
    {
        nuint size = SizeAt(span, address);
        return size > 0 ? SizeClasses.Of(size) : 0;
    }

    // The neighbours of an object that is the caller's may come and go meanwhile. What comes behind it begins there, and that bit stays when it
    // goes: so whoever has seen its units, and then looks where the next begins, ends at it.
    private static int UnitsAt(Span* span, nuint address, out int first)
    {
        first = (int)((address - span->Start) >> UnitShift);
        ulong* units = span->Units;
        ulong* begins = Begins(span, units);
        if (address % (1 << UnitShift) != 0 || !Bits.Has(units, first) || !Bits.Has(begins, first))
        {
            return 0;
        }

        int end = UnitsOf(span);
        for (int unit = first + 1; unit < end; unit = Bits.NextWord(unit))
        {
            ulong used = Volatile.Read(ref units[(uint)unit / 64]);
            ulong stops = (~used | Volatile.Read(ref begins[(uint)unit / 64])) >> unit;
            if (stops != 0)
            {
                end = unit + BitOperations.TrailingZeroCount(stops); // whole words are of the span
            }
        }

        return end - first;
    }

    // Returns the pages that hold nothing any more.
    private uint GiveUnits(Span* span, int first, int units)
    {
        ulong* words = span->Units;
        Bits.Clear(words, first, units);
        _vainUnits = 0;
        _usedUnits -= units;
        int last = first + units - 1;
        bool leftMuch = units < UnitsPerPage && words[(uint)first / 64] != 0 && words[(uint)last / 64] != 0; // and so each page holds something
        uint pages = leftMuch ? 0 : TakeFreePages(span, first / UnitsPerPage, last / UnitsPerPage + 1);
        if (pages == 0)
        {
            MoveUp(span, first, units);
            return 0;
        }

        Unlink(span);
        if (span->Out > 0)
        {
            Link(span);
        }
        else
        {
            PoolOf(ref this, span->Pages)->Give(span->Units);
            TSource.Forget(span);
        }

        return pages;
    }

    // Of the pages from one to another. They are out of the page map from now on, and so nobody looks for the span by them.
    private uint TakeFreePages(Span* span, int from, int to)
    {
        uint pages = 0;
        for (int page = from; page < to; page++)
        {
            int first = page * UnitsPerPage;
            if (Bits.NextSet(span->Units, first, first + UnitsPerPage) == first + UnitsPerPage)
            {
                Bits.Set(Begins(span, span->Units), first, 1);
                Bits.Set(span->Units, first, UnitsPerPage);
                PageMap.ClearPages(span->Start + ((nuint)page << PageMap.PageShift), 1);
                span->Out--;
                _pages--;
                pages |= 1u << page;
            }
        }

        return pages;
    }

    // Where memory has run out, many may ask for the same.
    private readonly bool IsVain(int units, int alignment) => _vainUnits != 0 && units >= _vainUnits && alignment >= _vainAlignment;

    private int Cut(Span* span, int units, int alignment, void** objects, int count)
    {
        int taken = 0;
        int end = UnitsOf(span);
        ulong* begins = Begins(span, span->Units);
        int row = 0;
        while (taken < count && Bits.NextClearRun(span->Units, ref row, end, out int length))
        {
            int rowEnd = row + length;
            int unit = (row + alignment - 1) & -alignment;
            for (; rowEnd - unit >= units && taken < count; unit += units) // units is a multiple of the alignment
            {
                Bits.Clear(begins, unit + 1, units - 1);
                Bits.Set(begins, unit, 1);
                Bits.Set(span->Units, unit, units);
                _usedUnits += units;
                objects[taken++] = (void*)(span->Start + ((nuint)unit << UnitShift));
            }

            row = rowEnd;
        }

        if (taken > 0)
        {
            Unlink(span);
            Link(span);
        }

        return taken;
    }

    // A span with a free row of that many units: the tightest list that is sure to have one.
    private readonly Span* Find(int units)
    {
        for (int list = ListOf(units - 1) + 1; list < Lists; list++)
        {
            if (_heads[list] != 0)
            {
                return (Span*)_heads[list];
            }
        }

        return null;
    }

    private void Link(Span* span) => Link(span, ListOf(Bits.LongestClearRun(span->Units, UnitsOf(span))));

    private void Link(Span* span, int list)
    {
        span->Rank = (byte)list;
        SpanList.Add(ref _heads[list], span);
    }

    // Units are free now: if their row is longer than those that the span had, it belongs to another list.
    private void MoveUp(Span* span, int first, int units)
    {
        if (span->Rank == Lists - 1)
        {
            return;
        }

        int begin = Bits.AfterPreviousSet(span->Units, first);
        int list = ListOf(Bits.NextSet(span->Units, first + units, UnitsOf(span)) - begin);
        if (list > span->Rank)
        {
            Unlink(span);
            Link(span, list);
        }
    }

    private static int ListOf(int row)
    {
        int list = row <= ExactRows ? row : ExactRows + (row - ExactRows) / ListStep;
        return list < Lists ? list : Lists - 1;
    }

    private void Unlink(Span* span) => SpanList.Remove(ref _heads[span->Rank], span);

    private static int UnitsOf(Span* span) => (int)span->Pages * UnitsPerPage;

    private static ulong* Begins(Span* span, ulong* words) => RemnantUnits.Begins(words, span->Pages);

    private static nuint BytesOfSets(nuint pages) => pages * (UnitsPerPage / 8) * 2;

    private static MetadataPool* PoolOf(ref Remnants<TSource> remnants, nuint pages) =>
        (MetadataPool*)Unsafe.AsPointer(ref remnants._pools[pages]);
}

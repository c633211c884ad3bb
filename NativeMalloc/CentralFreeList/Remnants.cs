using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>What stands behind the remnants.</summary>
internal unsafe interface IRemnantSource
{
    /// <summary>Gives pages of a span back that hold nothing any more.</summary>
    static abstract void GivePages(Span* span, int first, int count);

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
/// Its pages are of class 0, so that each free of an object in it takes the slow path and comes here. Objects that were in caches
/// when the span came here go on with the size that they had.
/// Readers of an object's size take no lock: a beginning is entered before its units are, and taken out after them. A page that went
/// back is used, and begins like an object, for good.
/// All zeros is the empty collection.
/// </remarks>
internal unsafe struct Remnants<TSource>
    where TSource : IRemnantSource
{
    private const int UnitShift = 4;
    private const int UnitsPerPage = (int)PageMap.PageSize >> UnitShift;

    // Lists by the longest free row, in steps of eight units.
    private const int ListStep = 8;
    private const int Lists = 65;

    internal FutexLock Lock;
    private nint _pages;
    private nint _usedUnits;
    private fixed ulong _heads[Lists];

    // For the sets of spans of each number of pages, a MetadataPool.
    private fixed ulong _pools[Span.MaxRemnantPages + 1];

    /// <summary>Bytes of the spans that are here, and of the objects in them that are not free.</summary>
    internal readonly nuint Bytes => (nuint)_pages << PageMap.PageShift;

    internal readonly nuint UsedBytes => (nuint)_usedUnits << UnitShift;

    /// <summary>
    /// Takes a span over from its class's free list, which has forgotten it; its pages have class 0 from now on. False if there is no
    /// memory; nothing was done then.
    /// </summary>
    internal bool TryAdd(Span* span, nuint sizeClass)
    {
        Lock.Acquire(LockOrder.Remnants);
        ulong* words = (ulong*)PoolOf(ref this, span)->Take((nuint)(UnitsOf(span) / 8 * 2));
        if (words == null)
        {
            Lock.Release();
            return false;
        }

        int unitsOfObject = (int)(SizeClasses.Size(sizeClass) >> UnitShift);
        ulong* begins = Begins(span, words);
        for (int number = 0; number < span->Objects; number++)
        {
            if (!span->IsHere(number))
            {
                Bits.Set(begins, number * unitsOfObject, 1);
                Bits.Set(words, number * unitsOfObject, unitsOfObject);
                _usedUnits += unitsOfObject;
            }
        }

        span->BecomeRemnant(words);
        PageMap.ForgetClass(span);
        span->Out = (ushort)span->Pages;
        _pages += (nint)span->Pages;
        GiveFreePages(span, 0, (int)span->Pages);
        Link(span);
        Lock.Release();
        return true;
    }

    /// <summary>
    /// Takes up to <paramref name="count"/> objects, all from one span; returns how many, none if there is no room: in a span that is
    /// sure to have some, or, where there is no other memory, in any.
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

        Lock.Acquire(LockOrder.Remnants);
        int taken = 0;
        Span* sure = Find(units + alignment - 1);
        if (sure != null)
        {
            taken = Cut(sure, units, alignment, objects, count);
        }

        for (int list = units / ListStep; any && taken == 0 && list < Lists; list++)
        {
            for (Span* span = (Span*)_heads[list]; span != null && taken == 0;)
            {
                Span* next = span->Next;
                taken = Cut(span, units, alignment, objects, count);
                span = next;
            }
        }

        Lock.Release();
        return taken;
    }

    /// <summary>Takes an object back; its bytes, or 0 if none begins at the address. The last one of a page takes that along.</summary>
    internal nuint Give(Span* span, nuint address)
    {
        Lock.Acquire(LockOrder.Remnants);
        int units = UnitsAt(span, address, out int first);
        if (units > 0)
        {
            Unlink(span);
            Bits.Clear(span->Units, first, units);
            _usedUnits -= units;
            GiveFreePages(span, first / UnitsPerPage, (first + units - 1) / UnitsPerPage + 1);
            if (span->Out == 0)
            {
                PoolOf(ref this, span)->Give(span->Units);
                TSource.Forget(span);
            }
            else
            {
                Link(span);
            }
        }

        Lock.Release();
        return (nuint)units << UnitShift;
    }

    /// <summary>Bytes of the object that begins at the address; 0 if none does. The object is the caller's, or the lock is held.</summary>
    internal static nuint SizeAt(Span* span, nuint address) => (nuint)UnitsAt(span, address, out _) << UnitShift;

    // The neighbours of an object that is the caller's may come and go meanwhile. What comes behind it begins there, and that bit stays when it
    // goes: so whoever has seen its units ends at it.
    private static int UnitsAt(Span* span, nuint address, out int first)
    {
        first = (int)((address - span->Start) >> UnitShift);
        ulong* begins = Begins(span, span->Units);
        if (address % (1 << UnitShift) != 0 || !Bits.Has(span->Units, first) || !Bits.Has(begins, first))
        {
            return 0;
        }

        int end = first + 1;
        while (end < UnitsOf(span) && Bits.Has(span->Units, end) && !Bits.Has(begins, end))
        {
            end++;
        }

        return end - first;
    }

    // Of the pages from one to another.
    private void GiveFreePages(Span* span, int from, int to)
    {
        for (int page = from; page < to; page++)
        {
            int first = page * UnitsPerPage;
            if (Bits.NextSet(span->Units, first, first + UnitsPerPage) == first + UnitsPerPage)
            {
                Bits.Set(Begins(span, span->Units), first, 1);
                Bits.Set(span->Units, first, UnitsPerPage);
                span->Out--;
                _pages--;
                TSource.GivePages(span, page, 1);
            }
        }
    }

    private int Cut(Span* span, int units, int alignment, void** objects, int count)
    {
        int taken = 0;
        int end = UnitsOf(span);
        int row = 0;
        while (taken < count && Bits.NextClearRun(span->Units, ref row, end, out int length))
        {
            int rowEnd = row + length;
            int unit = (row + alignment - 1) & -alignment;
            for (; rowEnd - unit >= units && taken < count; unit += units) // units is a multiple of the alignment
            {
                Bits.Clear(Begins(span, span->Units), unit + 1, units - 1);
                Bits.Set(Begins(span, span->Units), unit, 1);
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
        for (int list = (units + ListStep - 1) / ListStep; list < Lists; list++)
        {
            if (_heads[list] != 0)
            {
                return (Span*)_heads[list];
            }
        }

        return null;
    }

    private void Link(Span* span)
    {
        int longest = Bits.LongestClearRun(span->Units, UnitsOf(span)) / ListStep;
        span->Rank = (byte)(longest < Lists ? longest : Lists - 1);
        SpanList.Add(ref _heads[span->Rank], span);
    }

    private void Unlink(Span* span) => SpanList.Remove(ref _heads[span->Rank], span);

    private static int UnitsOf(Span* span) => (int)span->Pages * UnitsPerPage;

    // The second set lies behind the first.
    private static ulong* Begins(Span* span, ulong* words) => words + (int)span->Pages * (UnitsPerPage / 64);

    private static MetadataPool* PoolOf(ref Remnants<TSource> remnants, Span* span) =>
        (MetadataPool*)Unsafe.AsPointer(ref remnants._pools[span->Pages]);
}

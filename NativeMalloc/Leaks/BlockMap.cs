using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// The blocks of the heap that are in use at one moment, and which of them lies at an address: for a search that asks so for each word of
/// the process's memory. With three sets of them, a bit for each 16 bytes of the heap.
/// </summary>
/// <remarks>
/// The page map tells no page of a large block but its first. So each page has an entry here, too, with what is needed to find a small block: a
/// random access to memory less.
/// What the caches have counts as free: they are read rather than emptied, since other CPUs' could not always be.
/// </remarks>
internal unsafe struct BlockMap
{
    private const int UnitShift = 4;
    private const int WordsPerPage = (int)PageMap.PageSize >> (UnitShift + 6);
    private const nuint BytesPerPage = sizeof(ulong) + BlockSet.Sets * WordsPerPage * sizeof(ulong);

    // An entry is the start of the page's span, which begins at a page, with these and its size class; 0 where there is none.
    private const ulong ClassMask = 0xff;
    private const ulong Remnant = 0x100;
    private const ulong Plain = 0x200;
    private const ulong StartMask = ~(ulong)(PageMap.PageSize - 1);

    // Rows of huge pages, ascending.
    private Row* _rows;
    private int _rowCount;
    private nuint _start;
    private nuint _extent;
    private nuint _pages;
    private ulong* _entries;

    private struct Row
    {
        internal nuint Start;
        internal nuint End;

        /// <summary>So many pages are in the rows before.</summary>
        internal nuint PagesBefore;
    }

    /// <summary>The blocks that are in use.</summary>
    internal BlockSet InUse;

    /// <summary>Two sets of the search's.</summary>
    internal BlockSet Reached;
    internal BlockSet Pointed;

    /// <summary>How many blocks are in use.</summary>
    internal nuint Count { get; private set; }

    internal readonly int Rows => _rowCount;

    /// <summary>Bytes that <see cref="Fill"/> takes for the heap as it is now.</summary>
    internal static nuint BytesNeeded()
    {
        const nuint Rounding = 3 * 64; // of what Fill takes
        int rows = CountRows(out nuint pages);
        return (nuint)(rows * sizeof(Row)) + pages * BytesPerPage + Rounding;
    }

    /// <summary>Finds all blocks. Nobody may be on a slow path meanwhile; what other threads take from their caches and give to them may be seen either way.</summary>
    internal void Fill(ref SearchMemory memory)
    {
        _rows = (Row*)memory.Take((nuint)(CountRows(out nuint pages) * sizeof(Row)));
        _pages = pages;
        nuint start = 0;
        nuint before = 0;
        for (; NextRow(ref start, out nuint end) && before < pages; start = end)
        {
            _rows[_rowCount++] = new Row { Start = start, End = end, PagesBefore = before };
            before += (end - start) >> PageMap.PageShift;
        }

        _start = _rowCount > 0 ? _rows[0].Start : 0;
        _extent = _rowCount > 0 ? _rows[_rowCount - 1].End - _start : 0;
        _entries = (ulong*)memory.Take(pages * sizeof(ulong));
        ulong* sets = (ulong*)memory.Take(pages * BlockSet.Sets * WordsPerPage * sizeof(ulong));
        InUse.Words = sets;
        Reached.Words = sets + 1;
        Pointed.Words = sets + 2;
        for (int row = 0; row < _rowCount; row++)
        {
            FillRow(_rows[row]);
        }
    }

    /// <summary>The start and the end of a row of heap.</summary>
    internal readonly void RowAt(int number, out nuint start, out nuint end)
    {
        start = _rows[number].Start;
        end = _rows[number].End;
    }

    /// <summary>Those in use that were reached are none any more, and nothing was reached.</summary>
    internal void KeepUnreached()
    {
        Count = 0;
        for (nuint word = 0; word < _pages * WordsPerPage; word++)
        {
            InUse[word] &= ~Reached[word];
            Count += (nuint)Bits.Count(InUse[word]);
            if (Reached[word] != 0)
            {
                Reached[word] = 0;
            }
        }
    }

    /// <summary>
    /// From a start to an end lies ordinary memory, which can be read by loads as long as nobody changes that: of what blocks lie elsewhere, a
    /// program may have taken the permissions away.
    /// </summary>
    internal readonly void NotePlain(nuint start, nuint end)
    {
        start = (start + PageMap.PageSize - 1) & ~(PageMap.PageSize - 1);
        end &= ~(PageMap.PageSize - 1);
        for (int number = 0; number < _rowCount; number++)
        {
            Row* row = _rows + number;
            nuint last = end < row->End ? end : row->End;
            for (nuint page = start > row->Start ? start : row->Start; page < last; page += PageMap.PageSize)
            {
                _entries[row->PagesBefore + ((page - row->Start) >> PageMap.PageShift)] |= Plain;
            }
        }
    }

    /// <summary>All of a block is such memory.</summary>
    internal readonly bool IsPlain(in Block block)
    {
        nuint page = block.Unit >> (PageMap.PageShift - UnitShift);
        nuint last = (block.Unit + (block.Bytes >> UnitShift) - 1) >> (PageMap.PageShift - UnitShift);
        while (page <= last)
        {
            if ((_entries[page++] & Plain) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A block is free after all: some cache has it.</summary>
    internal void Exclude(void* block)
    {
        if (TryFind((nuint)block, out Block found) && found.Start == (nuint)block)
        {
            InUse.Remove(found);
            Count--;
        }
    }

    /// <summary>The block in use in which an address lies.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly bool TryFind(nuint address, out Block block)
    {
        block = default;
        return address - _start < _extent && TryFindInHeap(address, out block); // most words are no such addresses
    }

    /// <summary>The first block in use from an address on.</summary>
    internal readonly bool TryNext(nuint address, out Block block)
    {
        block = default;
        for (int number = 0; number < _rowCount; number++)
        {
            Row* row = _rows + number;
            if (address >= row->End)
            {
                continue;
            }

            address = address < row->Start ? row->Start : address;
            nuint unit = (row->PagesBefore << (PageMap.PageShift - UnitShift)) + ((address - row->Start) >> UnitShift);
            nuint end = (row->PagesBefore << (PageMap.PageShift - UnitShift)) + ((row->End - row->Start) >> UnitShift);
            nuint first = InUse.Next(unit, end);
            if (first < end)
            {
                return TryFind(address + ((first - unit) << UnitShift), out block);
            }
        }

        return false;
    }

    private readonly bool TryFindInHeap(nuint address, out Block block)
    {
        block = default;
        Row* row = RowOf(address);
        if (row == null)
        {
            return false;
        }

        ulong entry = _entries[row->PagesBefore + ((address - row->Start) >> PageMap.PageShift)];
        nuint start = (nuint)(entry & StartMask);
        nuint sizeClass = (nuint)(entry & ClassMask);
        if (start == 0)
        {
            return false;
        }

        if ((entry & Remnant) != 0)
        {
            block.Start = Heap.BlockAt(PageMap.SpanOf(address), address, out block.Bytes);
        }
        else if (sizeClass != 0)
        {
            block.Bytes = SizeClasses.Size(sizeClass);
            block.Start = start + SizeClasses.NumberAt(address - start, sizeClass) * block.Bytes; // behind the last object none is in use
        }
        else
        {
            Span* span = PageMap.SpanOf(start);
            block.Start = span->Block;
            block.Bytes = span->BlockBytes;
        }

        if (block.Start < row->Start || address - block.Start >= block.Bytes) // there is none
        {
            return false;
        }

        block.Unit = (row->PagesBefore << (PageMap.PageShift - UnitShift)) + ((block.Start - row->Start) >> UnitShift);
        return InUse.Has(block);
    }

    // The row of an address, or null.
    private readonly Row* RowOf(nuint address)
    {
        int low = 0;
        int high = _rowCount;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (address < _rows[middle].End)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low < _rowCount && address >= _rows[low].Start ? _rows + low : null;
    }

    private void FillRow(in Row row)
    {
        nuint page = row.PagesBefore;
        for (nuint address = row.Start; address < row.End; address += PageMap.PageSize, page++)
        {
            Span* span = PageMap.SpanOf(address);
            if (span == null)
            {
                continue;
            }

            _entries[page] = span->Start | span->SizeClass | (span->Remnant ? Remnant : 0);
            if (span->Remnant)
            {
                Count += AddRemnants(span, address, page << (PageMap.PageShift - UnitShift));
            }
            else if (address == span->Start && span->SizeClass != 0)
            {
                Count += AddObjects(span, page << (PageMap.PageShift - UnitShift));
            }
            else if (address == span->Start && !span->Cached)
            {
                InUse.Add((page << (PageMap.PageShift - UnitShift)) + ((nuint)span->Objects >> UnitShift));
                Count++;
                for (nuint more = 1; more < span->Pages && address + PageMap.PageSize < row.End; more++)
                {
                    address += PageMap.PageSize;
                    _entries[++page] = span->Start;
                }
            }
        }
    }

    private nuint AddObjects(Span* span, nuint unit)
    {
        nuint units = SizeClasses.Size(span->SizeClass) >> UnitShift;
        nuint added = 0;
        for (int number = 0; number < span->Objects; number++, unit += units)
        {
            if (!span->IsHere(number))
            {
                InUse.Add(unit);
                added++;
            }
        }

        return added;
    }

    // Those that begin on the page.
    private nuint AddRemnants(Span* span, nuint page, nuint unit)
    {
        nuint added = 0;
        for (int word = 0; word < WordsPerPage; word++)
        {
            ulong begins = Remnants<Heap.RemnantSpans>.BeginsAt(span, page, word);
            InUse[unit / 64 + (nuint)word] = begins;
            added += (nuint)Bits.Count(begins);
        }

        return added;
    }

    internal static int CountRows(out nuint pages)
    {
        int rows = 0;
        pages = 0;
        for (nuint start = 0; NextRow(ref start, out nuint end); start = end)
        {
            rows++;
            pages += (end - start) >> PageMap.PageShift;
        }

        return rows;
    }

    // Neighbouring huge pages from an address on, which becomes their start.
    private static bool NextRow(ref nuint start, out nuint end)
    {
        end = 0;
        if (PageMap.NextHugePage(ref start) == null)
        {
            return false;
        }

        end = start + PageMap.HugePageSize;
        for (nuint next = end; PageMap.NextHugePage(ref next) != null && next == end; next = end)
        {
            end += PageMap.HugePageSize;
        }

        return true;
    }
}

/// <summary>A block that is in use.</summary>
internal struct Block
{
    internal nuint Start;

    /// <summary>All that it may hold, with what it was rounded up by.</summary>
    internal nuint Bytes;

    /// <summary>Where it stands in sets of blocks.</summary>
    internal nuint Unit;
}

/// <summary>A set of blocks of a <see cref="BlockMap"/>. The words of its sets alternate, since they are asked one after the other.</summary>
internal unsafe struct BlockSet
{
    /// <summary>One more than there are: none of them lies across the border of a cache line.</summary>
    internal const int Sets = 4;

    internal ulong* Words;

    internal readonly ref ulong this[nuint word] => ref Words[word * Sets];

    internal readonly bool Has(in Block block) => (this[block.Unit / 64] >> (int)(block.Unit % 64) & 1) != 0;

    internal readonly void Add(in Block block) => Add(block.Unit);

    internal readonly void Add(nuint unit) => this[unit / 64] |= 1UL << (int)(unit % 64);

    internal readonly void Remove(in Block block) => this[block.Unit / 64] &= ~(1UL << (int)(block.Unit % 64));

    /// <summary>The first from a unit on; the end if there is none.</summary>
    internal readonly nuint Next(nuint unit, nuint end)
    {
        while (unit < end)
        {
            ulong word = this[unit / 64] >> (int)(unit % 64);
            if (word != 0)
            {
                unit += (nuint)System.Numerics.BitOperations.TrailingZeroCount(word);
                return unit < end ? unit : end;
            }

            unit = (unit | 63) + 1;
        }

        return end;
    }
}

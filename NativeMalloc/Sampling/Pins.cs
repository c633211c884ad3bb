namespace NativeMalloc;

/// <summary>Bytes that hold memory and no block, and lie among blocks that are in use.</summary>
internal struct PinnedBytes
{
    /// <summary>In spans of small objects.</summary>
    internal nuint InSpans;

    /// <summary>In no span, but in a huge page beside some.</summary>
    internal nuint InHugePages;
}

/// <summary>
/// Which blocks hold memory that others have left. A free byte is shared in equal parts by the blocks of the smallest piece around it that has any:
/// the kernel's page, the span, the huge page. The piece is whole again when the last of them has gone, whichever that is; so each is worth as
/// much as the others. The parts of all blocks add up to what <see cref="Measure"/> finds. (docs/profiling.md, "Pins")
/// </summary>
/// <remarks>An object in a cache is as good as one in use here: it keeps its page from going back, and where the caches' objects lie nobody knows.</remarks>
internal unsafe struct Pins<THeap>
    where THeap : IPinnedHeap
{
    // The last huge page that was asked for, and what each of its blocks holds there: where samples are neighbours.
    private nuint _hugePage;
    private double _shareInHugePage;

    /// <summary>Bytes that a block holds beside itself. It is in use, and stays so.</summary>
    internal double ShareOf(nuint block)
    {
        Span* span = THeap.SpanOf(block);
        if (span == null)
        {
            return 0; // it was set aside for signal handlers
        }

        bool isLarge = span->SizeClass == 0;
        nuint last = isLarge ? span->Start + span->Bytes - 1 : block;
        double share = isLarge ? 0 : ShareInSpan(span, block);
        share += ShareInHugePage(block);
        return share + ((block ^ last) >> PageMap.HugePageShift != 0 ? ShareInHugePage(last) : 0); // between them it fills each
    }

    /// <summary>Adds what is shared in the first huge page from an address on, and moves that behind it; false if there is none.</summary>
    internal static bool Measure(ref nuint address, ref PinnedBytes all)
    {
        if (THeap.NextHugePage(ref address) == null)
        {
            return false;
        }

        THeap.EnterPages();
        HugePage* hugePage = THeap.HugePageOf(address);
        if (hugePage != null && !hugePage->IsEmpty)
        {
            int free = hugePage->BackedFreePages;
            int blocks = Look(address, hugePage, out nuint inSpans);
            all.InSpans += inSpans;
            all.InHugePages += blocks > 0 ? (nuint)free << PageMap.PageShift : 0;
        }

        THeap.LeavePages();
        address += PageMap.HugePageSize;
        return true;
    }

    private static double ShareInSpan(Span* span, nuint block)
    {
        THeap.Enter(span);
        double share = span->Remnant
            ? RemnantUnits.FreeShareOf(THeap.UnitsOf(span), span->Pages, block - span->Start)
            : span->FreeShareOf(block);
        THeap.Leave(span);
        return share;
    }

    private double ShareInHugePage(nuint address)
    {
        nuint start = address & ~(PageMap.HugePageSize - 1);
        if (start != _hugePage)
        {
            THeap.EnterPages();
            HugePage* hugePage = THeap.HugePageOf(start);
            int free = hugePage != null ? hugePage->BackedFreePages : 0;
            int blocks = free > 0 ? Look(start, hugePage, out _) : 0;
            THeap.LeavePages();
            _hugePage = start;
            _shareInHugePage = blocks > 0 ? (double)((nuint)free << PageMap.PageShift) / blocks : 0;
        }

        return _shareInHugePage;
    }

    // Blocks that lie in a huge page, or in part, and what is free in its spans.
    private static int Look(nuint start, HugePage* hugePage, out nuint inSpans)
    {
        inSpans = 0;
        int blocks = !hugePage->IsFree(0, 1) && THeap.SpanOf(start) == null ? 1 : 0; // one that begins before
        for (int page = 0; page < PageBits.Pages; page++)
        {
            nuint address = start + ((nuint)page << PageMap.PageShift);
            Span* span = THeap.SpanOf(address);
            if (span == null)
            {
                continue;
            }

            if (span->Remnant)
            {
                int ofSpan = (int)((address - span->Start) >> PageMap.PageShift);
                ulong* units = THeap.UnitsOf(span);
                blocks += RemnantUnits.ObjectsFrom(units, span->Pages, ofSpan);
                inSpans += RemnantUnits.FreeBytesOn(units, ofSpan);
                continue;
            }

            bool isLarge = span->SizeClass == 0;
            blocks += isLarge ? span->Cached ? 0 : 1 : span->Out;
            inSpans += isLarge ? 0 : span->FreeBytes;
            page += (int)(span->Pages < PageBits.Pages ? span->Pages : PageBits.Pages) - 1;
        }

        return blocks;
    }
}

namespace NativeMalloc;

/// <summary>
/// Makes a block read zero before it is handed out. Pages that held no memory when the block's span was taken, and no block since, do
/// already. What lies on the others is overwritten, or dropped: see <see cref="ClearOld"/>.
/// </summary>
internal static unsafe class Zeroing
{
    /// <summary>Pages of the kernel's that are looked at: each may cost a fault, of some hundred nanoseconds.</summary>
    private const uint Looks = 3;

    /// <summary>The block is out, and its owner has not had it yet.</summary>
    internal static void Clear(Span* span, byte* block, nuint size) => Clear(block, block + size, span->IsFirstUse((nuint)block));

    /// <summary>As above, where units of its span on which it lies were holes until now (<see cref="Span.Holes"/>).</summary>
    internal static void Clear(Span* span, byte* block, nuint size, ulong holes)
    {
        bool isFirstUse = span->IsFirstUse((nuint)block);
        byte* start = (byte*)span->Start;
        byte* end = block + size;
        int unit = (int)((nuint)(block - start) >> KernelPage.Shift);
        int last = (int)((nuint)(end - 1 - start) >> KernelPage.Shift);
        for (; Bits.NextClearRun(&holes, ref unit, last + 1, out int count); unit += count)
        {
            byte* row = start + ((nuint)unit << KernelPage.Shift);
            byte* rowEnd = row + ((nuint)count << KernelPage.Shift);
            Clear(row > block ? row : block, rowEnd < end ? rowEnd : end, isFirstUse);
        }
    }

    private static void Clear(byte* block, byte* blockEnd, bool isFirstUse)
    {
        if (!isFirstUse)
        {
            ClearOld(block, (nuint)(blockEnd - block));
            return;
        }

        // Rows of old pages, across the ends of huge pages.
        nuint end = (nuint)blockEnd;
        nuint row = 0;
        nuint rowEnd = 0;
        nuint next;
        for (nuint start = (nuint)block; start < end; start = next)
        {
            nuint hugePage = start & ~(PageMap.HugePageSize - 1);
            next = hugePage + PageMap.HugePageSize;
            int page = (int)((start - hugePage) >> PageMap.PageShift);
            int last = (int)(((next < end ? next : end) - hugePage + PageMap.PageSize - 1) >> PageMap.PageShift);
            for (; PageMap.HugePageOf(start)->NextOldRow(ref page, last, out int length); page += length)
            {
                nuint old = hugePage + ((nuint)page << PageMap.PageShift);
                old = old > start ? old : start;
                if (old != rowEnd)
                {
                    ClearOld((byte*)row, rowEnd - row);
                    row = old;
                }

                rowEnd = hugePage + ((nuint)(page + length) << PageMap.PageShift);
                rowEnd = rowEnd < end ? rowEnd : end;
            }
        }

        ClearOld((byte*)row, rowEnd - row);
    }

    /// <summary>
    /// Of memory that was used before. As much as a large block has is not filled without a look: where it reads zero, it was hardly touched
    /// and will hardly be, and most of it may not be there at all. That is dropped, which costs faults for what is used again; to fill it
    /// would cost them for all of it, and the memory. Where some of the places that are looked at read zero and some do not, parts are
    /// looked at, half as long until they are alike, and twice as long after one that was alike at once.
    /// </summary>
    private static void ClearOld(byte* start, nuint bytes)
    {
        nuint part = bytes;
        bool halved = false;
        while (bytes > SizeClasses.MaxSize)
        {
            uint zeros = CountZeros(start, part);
            if (zeros is not (0 or Looks) && part > SizeClasses.MaxSize)
            {
                part = (part / 2 + PageMap.PageSize - 1) & ~(PageMap.PageSize - 1);
                halved = true;
                continue;
            }

            if (zeros < Looks || !Drop(start, part))
            {
                Shim.Fill(start, 0, part);
            }

            start += part;
            bytes -= part;
            part = halved ? part : 2 * part;
            part = part < bytes ? part : bytes;
            halved = false;
        }

        Shim.Fill(start, 0, bytes);
    }

    // Of whole pages: what is beside it is nobody's, or to read zero, too.
    private static bool Drop(byte* start, nuint bytes)
    {
        nuint first = (nuint)start & ~(KernelPage.Size - 1);
        return Promises.ReleaseAtOnce((byte*)first, (nuint)start + bytes - first);
    }

    // Of pages that lie evenly in the range, those that read zero: up to the first that is unlike those before it.
    private static uint CountZeros(byte* start, nuint bytes)
    {
        uint zeros = 0;
        for (uint look = 0; look < Looks && (zeros == 0 || zeros == look); look++)
        {
            zeros += ReadsZero((ulong*)(((nuint)start + bytes / (2 * Looks) * (2 * look + 1)) & ~(KernelPage.Size - 1))) ? 1u : 0;
        }

        return zeros;
    }

    private static bool ReadsZero(ulong* page)
    {
        for (ulong* end = page + KernelPage.Size / sizeof(ulong); page < end; page += 4)
        {
            if ((page[0] | page[1] | page[2] | page[3]) != 0)
            {
                return false;
            }
        }

        return true;
    }
}

namespace NativeMalloc;

/// <summary>
/// Large blocks that the kernel has moved to where there is room for them, rather than that they were copied. Each is then a mapping of its
/// own, of which a process may have only so many, until its place is mapped anew: as soon as the block leaves it.
/// </summary>
internal static unsafe class MovedBlocks
{
    /// <summary>
    /// From here on, moving a block's pages costs less than copying its bytes. Each move may add a mapping to the process, so
    /// the bound is not lower than that.
    /// </summary>
    private const nuint LeastBytes = 4 << 20;

    /// <summary>The part of a moved block that may be more than was asked for when it shrinks, or grows by a small step: as of small ones.</summary>
    private const int WasteFraction = 4;

    /// <summary>
    /// A program that grows a block, small or large, by more than this part of it beyond its room (Python's lists: by an eighth) sees to itself. By less,
    /// each step would have all of it copied or moved.
    /// </summary>
    internal const int SmallStep = 32;

    /// <summary>
    /// Half of the mappings that a process may have by default (vm.max_map_count). How many it may have here is not read: a seccomp filter may
    /// kill who opens a file.
    /// </summary>
    internal static nint MostMappings { get; set; } = 65530 / 2;

    /// <summary>False once the kernel has refused to move a block, or to give its place memory again.</summary>
    internal static bool CanMove { get; set; } = true;

    /// <summary>
    /// Moves a block to a span of at least so many pages, whole huge pages: so two that are neighbours share their border, and the kernel moves whole
    /// page tables. Null if that cannot be done, and the block is then as it was. Its own span is for <see cref="GiveEmpty"/>.
    /// </summary>
    internal static Span* TryMove(Span* span, nuint pages)
    {
        if (!CanMove || span->Bytes < LeastBytes || Heap.Pages->MovedMappings + 2 > MostMappings || !Promises.MovesLeaveZeros)
        {
            return null;
        }

        nuint ample = pages - span->Pages <= span->Pages / SmallStep ? pages + pages / WasteFraction : pages;
        Span* target = Take(span, ample);
        target = target == null && ample > pages ? Take(span, pages) : target;
        if (target == null)
        {
            return null;
        }

        MoveResult result = Os.MovePages((byte*)span->Start, span->Bytes, (byte*)target->Start, target->Bytes);
        if (result != MoveResult.Moved)
        {
            // What the kernel refused once it would refuse again, but for want of memory. A lost target stays in use for ever.
            CanMove = result == MoveResult.Short;
            if (result != MoveResult.TargetLost)
            {
                Heap.Pages->Give(target, released: false);
            }

            return null;
        }

        target->EndFirstUse();
        target->Moved = true;
        target->Objects = span->Objects;
        Heap.Pages->NoteMoved(target->Start, target->Pages, moved: true);
        return target;
    }

    /// <summary>Gives a span whose block was moved to the page heap.</summary>
    internal static void GiveEmpty(Span* span)
    {
        if (!span->Moved || TryMapAnew(span->Start, span->Pages, out _))
        {
            Heap.Pages->Give(span, released: true);
        }
    }

    /// <summary>Gives a large block's span to the page heap.</summary>
    internal static void Give(Span* span)
    {
        bool anew = false;
        if (!span->Moved || Leave(span->Start, span->Pages, out anew))
        {
            Heap.Pages->Give(span, anew);
        }
    }

    /// <summary>
    /// Gives the last pages of a large block's span to the page heap, and says how many they were. False if too many would have to stay: one that was
    /// moved has whole huge pages.
    /// </summary>
    internal static bool TryShorten(Span* span, nuint pages, out nuint fewer)
    {
        nuint whole = span->Moved ? UpToHugePage(pages) : pages;
        fewer = whole < span->Pages ? span->Pages - whole : 0;
        if (whole - pages > whole / WasteFraction)
        {
            return false;
        }

        bool anew = false;
        if (fewer > 0 && (!span->Moved || Leave(span->Start + (whole << PageMap.PageShift), fewer, out anew)))
        {
            Heap.Pages->Shorten(span, whole, anew);
        }
        else if (fewer > 0)
        {
            span->Pages = whole; // what is lost is not the block's any more either
            fewer = 0;
        }

        return true;
    }

    // Empties pages, by steps, and maps them anew; where a fork waits for that, they stay as they are.
    private static bool Leave(nuint start, nuint pages, out bool anew)
    {
        nuint bytes = pages << PageMap.PageShift;
        nuint step;
        for (nuint done = 0; done < bytes; done += step)
        {
            if (ForkGate.IsClosedTo(Shim.Thread()))
            {
                anew = false;
                return true;
            }

            step = bytes - done < Promises.ReleaseStep ? bytes - done : Promises.ReleaseStep;
            Promises.Release((byte*)start + done, step);
        }

        return TryMapAnew(start, pages, out anew);
    }

    // False if the pages are lost: then they stay in use for ever. "anew": else they may be as they were.
    private static bool TryMapAnew(nuint start, nuint pages, out bool anew)
    {
        nuint bytes = pages << PageMap.PageShift;
        anew = false;
        if (!Os.Withdraw((byte*)start, bytes))
        {
            return true;
        }

        anew = Os.Enable((byte*)start, bytes) || Os.MapOver((byte*)start, bytes);
        if (!anew)
        {
            CanMove = false;
            return false;
        }

        MappingNames.Give((byte*)start, bytes, MappingNames.Heap);
        HugePageAdvice.OnMappedAnew(start, bytes);
        Heap.Pages->NoteMoved(start, pages, moved: false);
        return true;
    }

    private static Span* Take(Span* span, nuint pages) => Heap.Pages->Take(UpToHugePage(pages), 0, PageMap.HugePageSize, instead: span->Pages);

    private static nuint UpToHugePage(nuint pages) => PageHeap.HugePagesFor(pages) * PageBits.Pages;
}

using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// What is promised of memory that goes back, and not by all that pass for a Linux kernel: some emulators say that they have dropped it and do
/// nothing. So it is tried once, before anything rests on it. docs/design.md lists what is taken on trust.
/// </summary>
internal static unsafe class Promises
{
    private const ulong Mark = 0x6b72616d;

    /// <summary>
    /// Bytes that are given back at once: about a millisecond's work where pages are of 4 KiB. Meanwhile the kernel has forks and mmap wait.
    /// </summary>
    internal const nuint ReleaseStep = 8 << 20;

    private static Promise s_release;
    private static Promise s_move;

    /// <summary>
    /// Gives the memory of pages of ours back that nobody uses. True if they read zero from now on; false if the kernel refused, or does not
    /// do it: what read zero then still does.
    /// </summary>
    internal static bool Release(byte* start, nuint bytes)
    {
        for (; bytes > ReleaseStep; start += ReleaseStep, bytes -= ReleaseStep)
        {
            if (!ReleaseAtOnce(start, ReleaseStep))
            {
                return false;
            }
        }

        return ReleaseAtOnce(start, bytes);
    }

    /// <summary>As <see cref="Release"/>, in one step: of what is hardly there.</summary>
    internal static bool ReleaseAtOnce(byte* start, nuint bytes) =>
        s_release == Promise.Untried ? TryRelease(start, bytes) : s_release == Promise.Kept && Os.Release(start, bytes);

    /// <summary>
    /// Whether memory that was moved away leaves its addresses mapped, and reading zero. False also where there is none to try it with, at the moment.
    /// </summary>
    internal static bool MovesLeaveZeros => s_move == Promise.Untried ? TryMove() : s_move == Promise.Kept;

    /// <summary>Released memory is known not to read zero here: none is given back.</summary>
    internal static bool ReleaseIsBroken => *ReleaseRoot == Promise.Broken;

    /// <summary>The same, for who looks from outside.</summary>
    internal static Promise* ReleaseRoot => (Promise*)Unsafe.AsPointer(ref s_release);

    /// <summary>Tries now whether released memory reads zero.</summary>
    internal static void TryNow()
    {
        byte* pages = Os.Map(3 * PageMap.PageSize);
        if (pages != null)
        {
            Release(pages, 3 * PageMap.PageSize);
            Os.Unmap(pages, 3 * PageMap.PageSize);
        }
    }

    /// <summary>Nothing has been tried.</summary>
    internal static void Forget()
    {
        s_release = Promise.Untried;
        s_move = Promise.Untried;
    }

    // One page between two others, which must keep what they hold (an emulator's host may have larger ones); a shorter row decides for itself.
    // What is not taken back holds what it held: it may be known to read zero.
    private static bool TryRelease(byte* start, nuint bytes)
    {
        if (bytes < 3 * PageMap.PageSize)
        {
            ulong* first = (ulong*)start;
            ulong held = *first;
            *first = Mark;
            bool dropped = Os.Release(start, bytes) && *first == 0;
            if (!dropped)
            {
                *first = held;
            }

            return dropped;
        }

        ulong* before = (ulong*)(start + PageMap.PageSize) - 1;
        ulong* page = before + 1;
        ulong* behind = (ulong*)(start + 2 * PageMap.PageSize);
        ulong heldBefore = *before;
        ulong heldOnPage = *page;
        ulong heldBehind = *behind;
        *before = Mark;
        *page = Mark;
        *behind = Mark;
        if (Os.Release((byte*)page, PageMap.PageSize))
        {
            s_release = *before == Mark && *page == 0 && *behind == Mark ? Promise.Kept : Promise.Broken;
        }

        bool released = s_release == Promise.Kept && Os.Release(start, bytes);
        if (!released)
        {
            *before = heldBefore;
            *page = heldOnPage;
            *behind = heldBehind;
        }

        return released;
    }

    private static bool TryMove()
    {
        byte* from = Os.Map(PageMap.PageSize);
        byte* to = Os.Map(PageMap.PageSize);
        if (from != null && to != null)
        {
            *(ulong*)from = Mark;
            MoveResult result = Os.MovePages(from, PageMap.PageSize, to, PageMap.PageSize);
            bool kept = result == MoveResult.Moved && !Os.MapAt(from, PageMap.PageSize) && *(ulong*)from == 0 && *(ulong*)to == Mark;
            s_move = kept ? Promise.Kept : Promise.Broken;
            to = result == MoveResult.TargetLost ? null : to; // it may be somebody else's by now
        }

        Unmap(from);
        Unmap(to);
        return s_move == Promise.Kept;
    }

    private static void Unmap(byte* page)
    {
        if (page != null)
        {
            Os.Unmap(page, PageMap.PageSize);
        }
    }
}

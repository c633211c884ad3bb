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

    /// <summary>So that of pages of 64 KiB, too, the one around the middle is all in it.</summary>
    private const nuint TrialRoom = 256 << 10;

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
    internal static bool ReleaseAtOnce(byte* start, nuint bytes)
    {
        if (s_release == Promise.Untried)
        {
            TryRelease();
        }

        return s_release == Promise.Kept && Os.Release(start, bytes);
    }

    /// <summary>
    /// Whether memory that was moved away leaves its addresses mapped, and reading zero. False also where there is none to try it with, at the moment.
    /// </summary>
    internal static bool MovesLeaveZeros => s_move == Promise.Untried ? TryMove() : s_move == Promise.Kept;

    /// <summary>Released memory is known not to read zero here: none is given back.</summary>
    internal static bool ReleaseIsBroken => *ReleaseRoot == Promise.Broken;

    /// <summary>The same, for who looks from outside.</summary>
    internal static Promise* ReleaseRoot => (Promise*)Unsafe.AsPointer(ref s_release);

    /// <summary>
    /// Tries whether released memory reads zero: one page between two others, which must keep what they hold (an emulator's host may have larger
    /// ones). Not on what is to go back: some kernels have no page of zeros to share, and what was looked at would be there again.
    /// </summary>
    internal static void TryRelease()
    {
        byte* room = Os.Map(TrialRoom);
        if (room == null)
        {
            return;
        }

        ulong* page = (ulong*)(room + TrialRoom / 2);
        ulong* before = page - 1;
        ulong* behind = (ulong*)((byte*)page + PageMap.PageSize);
        *before = Mark;
        *page = Mark;
        *behind = Mark;
        if (Os.Release((byte*)page, PageMap.PageSize))
        {
            s_release = *before == Mark && *page == 0 && *behind == Mark ? Promise.Kept : Promise.Broken;
        }

        Os.Unmap(room, TrialRoom);
    }

    /// <summary>Nothing has been tried.</summary>
    internal static void Forget()
    {
        s_release = Promise.Untried;
        s_move = Promise.Untried;
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
            s_move = kept ? Promise.Kept : result == MoveResult.Short ? Promise.Untried : Promise.Broken;
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

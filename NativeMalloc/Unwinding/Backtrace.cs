using System.Runtime;

namespace NativeMalloc;

/// <summary>The call stack of this thread.</summary>
internal static unsafe class Backtrace
{
    /// <summary>The most frames that are kept of a stack.</summary>
    internal const int MostFrames = 128;

    /// <summary>
    /// The return addresses from the caller of the library on; returns how many. The thread is on a slow path and holds no lock. A frame that a
    /// signal interrupted is its address and 1, so that one less is in the calling function for all of them.
    /// </summary>
    /// <param name="caller">The registers of the library's caller; null where they are not known, and the walk has to begin here.</param>
    /// <param name="frames">Takes the frames.</param>
    /// <param name="most">The most of them.</param>
    /// <param name="end">Why it ended.</param>
    internal static int Capture(Registers* caller, nuint* frames, int most, out StackEnd end)
    {
        Workspace* work = Workspaces.Take();
        if (work == null)
        {
            end = StackEnd.Lost;
            return 0;
        }

        if (caller != null)
        {
            work->Registers = *caller;
        }
        else
        {
            work->Registers = default;
            Shim.ReadRegisters(&work->Registers);
        }

        work->IsCertain = true;
        work->Pages.BeginStack((nuint)work->Registers.Values[Registers.Rsp]);
        int count = StackWalk.Follow(work, frames, most, isOwn: true, isInterrupted: false, out end);
        Workspaces.Give(work);
        return count;
    }

    /// <summary>
    /// For debuggers: the stack from these registers on, of a thread that stands still, with the function that it is in. Returns how many frames,
    /// and above 16 bits the <see cref="StackEnd"/>. The first call makes what the others need.
    /// </summary>
    [RuntimeExport("nm_backtrace")]
    internal static int From(Registers* registers, nuint* frames, int most)
    {
        Workspace* work = Workspaces.Take();
        if (work == null)
        {
            return 0;
        }

        work->Registers = *registers;
        int count = StackWalk.Follow(work, frames, most, isOwn: false, isInterrupted: true, out StackEnd end);
        Workspaces.Give(work);
        return count | (int)end << 16;
    }
}

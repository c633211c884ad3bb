using System.Runtime;

namespace NativeMalloc;

/// <summary>The call stack of this thread.</summary>
internal static unsafe class Backtrace
{
    /// <summary>The most frames that are kept of a stack.</summary>
    internal const int MostFrames = 128;

    /// <summary>More than the library's own functions ever are.</summary>
    private const int MostOwnFrames = 64;

    /// <summary>
    /// The return addresses from the caller of the library on; returns how many. The thread is on a slow path and holds no lock. A frame that a
    /// signal interrupted is its address and 1, so that one less is in the calling function for all of them.
    /// </summary>
    internal static int Capture(nuint* frames, int most, out StackEnd end)
    {
        Workspace* work = Workspaces.Take();
        if (work == null)
        {
            end = StackEnd.Lost;
            return 0;
        }

        work->Registers = default;
        Shim.ReadRegisters(&work->Registers);
        int count = Walk(work, frames, most, isOwn: true, isInterrupted: false, out end);
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
        int count = Walk(work, frames, most, isOwn: false, isInterrupted: true, out StackEnd end);
        Workspaces.Give(work);
        return count | (int)end << 16;
    }

    // "isOwn": the walk begins in the library, whose frames nobody wants to see. "isInterrupted": not behind a call, but between any two instructions.
    private static int Walk(Workspace* work, nuint* frames, int most, bool isOwn, bool isInterrupted, out StackEnd end)
    {
        int count = 0;
        for (int steps = 0; steps < most + MostOwnFrames; steps++)
        {
            nuint address = (nuint)work->Registers.Values[Registers.Rip] - (isInterrupted ? 0u : 1);
            isOwn = isOwn && Shim.IsOwnFunction((void*)address) != 0;
            if (!isOwn)
            {
                if (count == most)
                {
                    break;
                }

                frames[count++] = address + 1;
            }

            FrameStep step = Frame.StepOut(work, address, isInterrupted);
            if ((step is FrameStep.Interrupted or FrameStep.LaidByHand) && !isInterrupted && count > 0)
            {
                frames[count - 1]++; // nobody has called it: the kernel's way back from a handler
            }

            if (step is not (FrameStep.Called or FrameStep.Interrupted))
            {
                end = step is FrameStep.Outermost or FrameStep.LaidByHand ? StackEnd.Whole
                    : step == FrameStep.Unreadable ? StackEnd.Unreadable
                    : StackEnd.Lost;
                return step == FrameStep.Astray && count > 0 ? count - 1 : count;
            }

            isInterrupted = step == FrameStep.Interrupted;
        }

        end = StackEnd.Deep;
        return count;
    }
}

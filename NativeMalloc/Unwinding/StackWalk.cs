namespace NativeMalloc;

/// <summary>The walk from frame to frame.</summary>
internal static unsafe class StackWalk
{
    /// <summary>More than the library's own functions ever are.</summary>
    private const int MostOwnFrames = 64;

    /// <summary>Follows the calls from the registers in the workspace on; returns how many frames it has put down.</summary>
    /// <param name="work">The workspace.</param>
    /// <param name="frames">Takes the frames.</param>
    /// <param name="most">The most of them.</param>
    /// <param name="isOwn">The walk begins in the library, whose frames nobody wants to see.</param>
    /// <param name="isInterrupted">It does not begin behind a call, but between any two instructions.</param>
    /// <param name="end">Why it ended.</param>
    internal static int Follow(Workspace* work, nuint* frames, int most, bool isOwn, bool isInterrupted, out StackEnd end)
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

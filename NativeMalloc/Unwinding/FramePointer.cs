namespace NativeMalloc;

/// <summary>
/// Steps out of a frame that no table describes, as those of code that was compiled at run time: by rbp, where it points to what such
/// code has pushed first, the caller's rbp below the return address. It may be any number, so the step is taken only to a place on the
/// same stack, and to what follows a call.
/// </summary>
internal static unsafe class FramePointer
{
    /// <summary>Between the frame and its pointer: more is rare, and trying each page would take long.</summary>
    private const ulong MostDistance = 64 * KernelPage.Size;

    /// <summary>mov $15, %rax (or %eax); syscall: where a signal handler returns to, when libc has no table for that, as musl.</summary>
    private const ulong ReturnFromHandler = 0x0f00_0000_0fc0_c748;
    private const ulong ReturnFromHandlerShort = 0x050f_0000_000f_b8;
    private const ulong ShortMask = 0x00ff_ffff_ffff_ffff;

    /// <summary>Makes the registers the caller's. A frame that was interrupted may be where it has pushed nothing yet.</summary>
    internal static FrameStep StepOut(Workspace* work, bool isInterrupted)
    {
        work->IsCertain = false;
        ulong* values = work->Registers.Values;
        nuint rip = (nuint)values[Registers.Rip];
        if (work->Pages.TryRead(rip, out ulong code) && (code == ReturnFromHandler || (code & ShortMask) == ReturnFromHandlerShort))
        {
            return ReturnFromSignal(work);
        }

        ulong pointer = values[Registers.Rbp];
        ulong stack = values[Registers.Rsp];
        if (!isInterrupted && !FollowsCall(work, rip))
        {
            return FrameStep.Astray;
        }

        if (isInterrupted && work->Pages.TryRead((nuint)stack, out ulong top) && FollowsCall(work, (nuint)top))
        {
            values[Registers.Rsp] = stack + sizeof(ulong);
            values[Registers.Rip] = top;
            return FrameStep.Called;
        }

        if (pointer == 0)
        {
            return FrameStep.Outermost; // System V ABI, AMD64, 3.4.1
        }

        if (pointer < stack || pointer - stack > MostDistance || pointer % sizeof(ulong) != 0 ||
            !work->Pages.CanRead((nuint)stack, (nuint)(pointer - stack) + 2 * sizeof(ulong)))
        {
            return FrameStep.Lost;
        }

        ulong caller = ((ulong*)pointer)[1];
        if (caller != 0 && !FollowsCall(work, (nuint)caller))
        {
            return FrameStep.Lost;
        }

        values[Registers.Rsp] = pointer + 2 * sizeof(ulong);
        values[Registers.Rbp] = *(ulong*)pointer;
        values[Registers.Rip] = caller;
        return FrameStep.Called;
    }

    // The stack pointer is at the context that the kernel has left (struct ucontext, struct sigcontext).
    private static FrameStep ReturnFromSignal(Workspace* work)
    {
        const int ContextAt = 40;
        const int InContext = 17;
        nuint context = (nuint)work->Registers.Values[Registers.Rsp] + ContextAt;
        if (context % sizeof(ulong) != 0 || !work->Pages.CanRead(context, InContext * sizeof(ulong)))
        {
            return FrameStep.Unreadable;
        }

        ulong* saved = (ulong*)context;
        ulong* values = work->Registers.Values;
        for (int i = 0; i < 8; i++)
        {
            values[8 + i] = saved[i]; // r8 to r15
        }

        values[5] = saved[8]; // rdi
        values[4] = saved[9]; // rsi
        values[Registers.Rbp] = saved[10];
        values[Registers.Rbx] = saved[11];
        values[1] = saved[12]; // rdx
        values[0] = saved[13]; // rax
        values[2] = saved[14]; // rcx
        values[Registers.Rsp] = saved[15];
        values[Registers.Rip] = saved[16];
        return FrameStep.Interrupted;
    }

    // call with a distance: e8 and four bytes. call through a register or memory: ff /2, two to seven bytes. The code may begin with it.
    private static bool FollowsCall(Workspace* work, nuint address)
    {
        const int Shortest = 2;
        const int Direct = 5;
        const int Longest = 7;
        byte* end = (byte*)address;
        for (int length = Shortest; length <= Longest && work->Pages.CanRead((nuint)(end - length)) && work->Pages.CanRead((nuint)(end - 1)); length++)
        {
            if ((length == Direct && end[-length] == 0xe8) ||
                (end[-length] == 0xff && (end[1 - length] >> 3 & 7) == 2 && length == LengthOfCall(end + 1 - length, length - 1)))
            {
                return true;
            }
        }

        return false;
    }

    // From the byte behind the operation on: how the operand is addressed (AMD64 manual, volume 3, 1.4).
    private static int LengthOfCall(byte* operand, int bytes)
    {
        int mode = *operand >> 6;
        bool indexed = mode != 3 && (*operand & 7) == 4;
        int distance = mode == 1 ? 1
            : mode == 2 ? 4
            : mode == 0 && ((*operand & 7) == 5 || (indexed && bytes > 1 && (operand[1] & 7) == 5)) ? 4
            : 0;
        return 2 + (indexed ? 1 : 0) + distance;
    }
}

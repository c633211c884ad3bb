using System;

namespace NativeMalloc;

/// <summary>What profiles show of a stack beside its functions: why it ends before its time, as if that were its outermost function.</summary>
internal static unsafe class StackEnds
{
    /// <summary>The ends that are shown are numbered from here on (<see cref="StackEnd.Whole"/> is not).</summary>
    internal const int First = (int)StackEnd.Deep;
    internal const int Count = (int)StackEnd.NoRoom - First + 1;

    internal static ReadOnlySpan<byte> NameOf(int end) => (StackEnd)end switch
    {
        StackEnd.Deep => "[more frames]"u8,
        StackEnd.Lost => "[frames unknown]"u8,
        StackEnd.Unreadable => "[frames unreadable]"u8,
        _ => "[no room for this stack]"u8,
    };

    /// <summary>A stack without frames is shown as one of which nothing is known.</summary>
    internal static int Of(CallStack* stack) => stack->Depth == 0 && stack->End == StackEnd.Whole ? (int)StackEnd.Lost : (int)stack->End;

    /// <summary>An address within the call instruction: that which the call returns to is the next one's, and may be another line's or function's.</summary>
    internal static ulong AddressAt(CallStack* stack, int frame) => CallStack.FramesOf(stack)[frame] - 1;
}

using System;

namespace NativeMalloc;

/// <summary>The unwinder's double: it finds the stack that a test gives it.</summary>
internal static unsafe class Backtrace
{
    internal const int MostFrames = 128;

    [ThreadStatic]
    private static nuint[] s_frames;

    /// <summary>What this thread's next captures find.</summary>
    internal static nuint[] Frames
    {
        get => s_frames ?? [];
        set => s_frames = value;
    }

    internal static int Capture(Registers* caller, nuint* frames, int most, out StackEnd end)
    {
        int depth = Math.Min(most, Frames.Length);
        Frames.AsSpan(0, depth).CopyTo(new Span<nuint>(frames, depth));
        end = StackEnd.Whole;
        return depth;
    }
}

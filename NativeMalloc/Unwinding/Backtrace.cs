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
    internal static int Capture(nuint* frames, int most, out StackEnd end)
    {
        end = StackEnd.Lost;
        return 0;
    }
}

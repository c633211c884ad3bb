using System.Runtime.InteropServices;

namespace NativeMalloc;

/// <summary>What a central free list has. It has cache lines of its own: its neighbours are other classes'.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
internal unsafe partial struct CentralFreeList<TSpans>
{
    /// <summary>Lists of a class that is divided, a power of two; where there are more CPUs, some share one.</summary>
    internal const int MostOfClass = 16;

    internal FutexLock Lock;

    /// <summary>Which of the class's lists this is (see <see cref="CentralFreeLists"/>).</summary>
    internal byte Number;

    // What those who had to wait lately are more than one in OftenTurns, in turns.
    private ushort _waits;

    private SpanRanks _ranks;
    private nint _spans;
    private nint _out;

    // Spans that have all their objects here, kept because the class wanted others right after it gave such back: they, how many, the
    // least of this period, and how many may be. And how many it gave back in this period and has not wanted again.
    private ulong _whole;
    private nint _kept;
    private nint _leastKept;
    private nint _wantedAgain;
    private nint _given;

    // Objects taken in this period of the class's (see EndPeriod), and whether they were few in the last.
    private nint _taken;
    private bool _quiet;

    // Whether the look that is under way takes all spans for quiet.
    private bool _allAreQuiet;

    // Spans that nobody can take from, while pages of theirs go back to the kernel.
    private ushort _leaving;

    // How long pages lie idle in spans before they become holes, and bytes of all that there are.
    private Patience _patience;
    private nuint _holes;

    /// <summary>Spans of this class.</summary>
    internal readonly nint Spans => _spans;

    /// <summary>Objects that are not here: in use, or in a cache.</summary>
    internal readonly nint Out => _out;

    /// <summary>Bytes in spans that the kernel has back.</summary>
    internal readonly nuint HoleBytes => _holes;
}

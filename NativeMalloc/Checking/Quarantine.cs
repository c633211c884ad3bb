using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Checking mode's freed objects on their way back to their spans, oldest out first: while one is here its memory is nobody's, and
/// what is written to it will be seen.
/// </summary>
internal static unsafe class Quarantine
{
    /// <summary>Larger objects go back at once, so that this holds 2 MiB at most.</summary>
    internal const nuint MaxObjectBytes = 2048;

    private const int Places = 1024;

    private struct Ring
    {
        internal FutexLock Lock;
        internal int Next;
        internal fixed ulong Objects[Places];
    }

    private static Ring s_ring;

    internal static FutexLock* Lock => &RingPointer->Lock;

    /// <summary>Puts an object in; gives the one that it takes the place of, or null.</summary>
    internal static void* Exchange(void* freed)
    {
        Ring* ring = RingPointer;
        ring->Lock.Acquire();
        void* oldest = (void*)ring->Objects[ring->Next];
        ring->Objects[ring->Next] = (ulong)freed;
        ring->Next = (ring->Next + 1) % Places;
        ring->Lock.Release();
        return oldest;
    }

    private static Ring* RingPointer => (Ring*)Unsafe.AsPointer(ref s_ring);
}

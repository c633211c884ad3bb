using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Bytes that the program has asked for since its start, those that caches served too: what threads find at their looks at the clock that they have
/// asked for since the last (<see cref="AllocationClock.GoneBy"/>). What a thread has asked for since its last look is missing, after its end, too: of one
/// that made but some thousand allocations that may be half. Each slab has its part, so that threads do not wait for one another.
/// </summary>
internal static unsafe class AllocatedBytes
{
    // By threads without a slab: in checking mode, and before a thread's first small block.
    private static Apart<long> s_withoutSlab;

    internal static long* Root => (long*)Unsafe.AsPointer(ref s_withoutSlab.Value);

    /// <summary>A thread that is on that slab, or on none, has asked for so many more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Add(Slab* own, long bytes) => Interlocked.Add(ref *(own != null ? &own->Allocated : Root), bytes);
}

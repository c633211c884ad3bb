using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Checking mode's freed blocks on their way back to the heap, oldest out first: while one is here its memory is nobody's, and what
/// is written to it will be seen.
/// </summary>
internal static unsafe class Quarantine
{
    /// <summary>Larger blocks go back at once.</summary>
    internal const nuint MaxBlockBytes = 4 << 20;

    /// <summary>Most blocks that are here.</summary>
    internal const int Places = 1024;

    private const nuint MaxBytes = 32 << 20;

    private struct Ring
    {
        internal FutexLock Lock;
        internal int First;
        internal int Count;
        internal nuint Bytes;
        internal fixed ulong Blocks[Places];
        internal fixed uint BytesOf[Places];
    }

    private static Apart<Ring> s_ring;

    /// <summary>No block is here, at this moment.</summary>
    internal static bool IsEmpty => Volatile.Read(ref RingPointer->Count) == 0;

    /// <summary>Puts a block in, of at most <see cref="MaxBlockBytes"/>. False if there is no place.</summary>
    internal static bool TryAdd(void* block, nuint bytes)
    {
        Ring* ring = RingPointer;
        ring->Lock.Acquire();
        bool added = ring->Count < Places && ring->Bytes + bytes <= MaxBytes;
        if (added)
        {
            int place = (ring->First + ring->Count) % Places;
            ring->Blocks[place] = (ulong)block;
            ring->BytesOf[place] = (uint)bytes;
            ring->Count++;
            ring->Bytes += bytes;
        }

        ring->Lock.Release();
        return added;
    }

    /// <summary>Takes the oldest block out; null if there is none.</summary>
    internal static void* TakeOldest()
    {
        Ring* ring = RingPointer;
        void* oldest = null;
        ring->Lock.Acquire();
        if (ring->Count > 0)
        {
            oldest = (void*)ring->Blocks[ring->First];
            ring->Bytes -= ring->BytesOf[ring->First];
            ring->First = (ring->First + 1) % Places;
            ring->Count--;
        }

        ring->Lock.Release();
        return oldest;
    }

    /// <summary>Calls no block in use that is here. Nobody is on a slow path.</summary>
    internal static void Exclude(ref BlockMap blocks)
    {
        Ring* ring = RingPointer;
        for (int i = 0; i < ring->Count; i++)
        {
            blocks.Exclude((void*)ring->Blocks[(ring->First + i) % Places]);
        }
    }

    /// <summary>What lies here names blocks that were freed, and places that others have by now.</summary>
    internal static void* Notes => RingPointer;

    internal static nuint NotesBytes => (nuint)sizeof(Ring);

    private static Ring* RingPointer => (Ring*)Unsafe.AsPointer(ref s_ring.Value);
}

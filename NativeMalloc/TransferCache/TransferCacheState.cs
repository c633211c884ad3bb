using System.Runtime.InteropServices;

namespace NativeMalloc;

/// <summary>What a transfer cache has. It has a cache line of its own: its neighbours are other classes'.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal unsafe partial struct TransferCache<TSource>
{
    internal FutexLock Lock;
    private int _count;
    private int _capacity;
    private int _lowWater;
    private bool _grows;
    private void** _objects;
    private long _hits;
    private long _misses;

    /// <summary>Objects here now.</summary>
    internal readonly int Count => _count;

    /// <summary>They themselves.</summary>
    internal readonly void** Objects => _objects;

    /// <summary>Requests that objects in the cache, or room in it, served.</summary>
    internal readonly long Hits => _hits;

    /// <summary>Requests that went on to the source.</summary>
    internal readonly long Misses => _misses;
}

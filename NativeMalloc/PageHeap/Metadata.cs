using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Memory for the allocator's own structures, zeroed. It is cut from mappings of its own, apart from the heap, and
/// never given back; owners that free structures keep them for themselves (see <see cref="MetadataPool"/>).
/// </summary>
internal static unsafe class Metadata
{
    private const nuint ChunkBytes = 1 << 20;
    private const nuint Alignment = 64;

    private static FutexLock s_lock;
    private static byte* s_next;
    private static byte* s_end;
    private static nuint s_mappedBytes;
    private static long s_touchedBytes;

    /// <summary>Bytes mapped for structures so far, touched or not.</summary>
    internal static nuint MappedBytes => s_mappedBytes;

    /// <summary>Of them, bytes that structures lie in which use them; of those that are touched little by little, what has been by now.</summary>
    internal static nuint TouchedBytes => (nuint)Volatile.Read(ref s_touchedBytes);

    internal static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_lock);

    /// <summary>Zeroed memory, aligned to a cache line; null when the kernel has none.</summary>
    internal static byte* Allocate(nuint bytes)
    {
        byte* result = AllocateSparse(bytes);
        CountTouched(result != null ? (nint)bytes : 0);
        return result;
    }

    /// <summary>As <see cref="Allocate"/>, for what is touched little by little: its owner says how much (<see cref="CountTouched"/>).</summary>
    internal static byte* AllocateSparse(nuint bytes)
    {
        bytes = (bytes + Alignment - 1) & ~(Alignment - 1);
        if (bytes > ChunkBytes / 2)
        {
            return MapAside(bytes);
        }

        Lock->Acquire();
        if ((nuint)(s_end - s_next) < bytes)
        {
            byte* chunk = Os.Map(ChunkBytes);
            if (chunk == null)
            {
                Lock->Release();
                return null;
            }

            s_mappedBytes += ChunkBytes;
            s_next = chunk;
            s_end = chunk + ChunkBytes;
        }

        byte* result = s_next;
        s_next += bytes;
        Lock->Release();
        return result;
    }

    /// <summary>So many bytes more of sparse structures are touched.</summary>
    internal static void CountTouched(nint bytes) => Interlocked.Add(ref s_touchedBytes, bytes);

    /// <summary>As <see cref="AllocateSparse"/>, for a large structure: a mapping to itself.</summary>
    internal static byte* MapAside(nuint bytes)
    {
        byte* result = Os.Map(bytes);
        if (result != null)
        {
            Lock->Acquire();
            s_mappedBytes += bytes;
            Lock->Release();
        }

        return result;
    }
}

/// <summary>Structures of one size that come and go: a free list over <see cref="Metadata"/>. Its owner's lock protects it.</summary>
internal unsafe struct MetadataPool
{
    private void* _free;

    /// <summary>A structure of <paramref name="bytes"/> bytes, at least 8, zeroed; null when there is no memory.</summary>
    internal void* Take(nuint bytes)
    {
        void* item = TakeFree(bytes);
        return item != null ? item : Metadata.Allocate(bytes);
    }

    /// <summary>As <see cref="Take"/>, one that came back; null if there is none.</summary>
    internal void* TakeFree(nuint bytes)
    {
        void* item = _free;
        if (item != null)
        {
            _free = *(void**)item;
            Shim.Fill(item, 0, bytes);
        }

        return item;
    }

    internal void Give(void* item)
    {
        *(void**)item = _free;
        _free = item;
    }
}

using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Memory for the allocator's own structures, zeroed. It is cut from mappings of its own, apart from the heap, and
/// never given back; owners that free structures keep them for themselves (see <see cref="MetadataPool"/>).
/// </summary>
internal static unsafe class Metadata
{
    /// <summary>
    /// The first mapping, and the most that is mapped at once; between them, an eighth of all. Each lies where the heap would grow, and parts it:
    /// so there are few for a large heap.
    /// </summary>
    private const nuint ChunkBytes = 1 << 20;
    private const nuint MostChunkBytes = 64 << 20;
    private const int ChunkFraction = 8;
    private const nuint Alignment = 64;

    private static Apart<MetadataState> s_state;

    /// <summary>The mappings that structures lie in, the latest first.</summary>
    internal static MetadataMapping* Mappings => s_state.Value.Mappings;

    /// <summary>Bytes mapped for structures so far, touched or not.</summary>
    internal static nuint MappedBytes => s_state.Value.MappedBytes;

    /// <summary>Of them, bytes that structures lie in which use them; of those that are touched little by little, what has been by now.</summary>
    internal static nuint TouchedBytes => (nuint)Volatile.Read(ref s_state.Value.TouchedBytes);

    /// <summary>All of it, for who looks from outside.</summary>
    internal static MetadataState* Root => (MetadataState*)Unsafe.AsPointer(ref s_state.Value);

    internal static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_state.Value.Lock);

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
            return MapAside(bytes, MappingNames.Structures);
        }

        Lock->Acquire();
        if ((nuint)(s_state.Value.End - s_state.Value.Next) < bytes)
        {
            nuint chunkBytes = MappedBytes / ChunkFraction & ~(PageMap.PageSize - 1);
            chunkBytes = chunkBytes < ChunkBytes ? ChunkBytes : chunkBytes > MostChunkBytes ? MostChunkBytes : chunkBytes;
            byte* chunk = Os.Map(chunkBytes);
            if (chunk == null && chunkBytes > ChunkBytes)
            {
                chunkBytes = ChunkBytes;
                chunk = Os.Map(chunkBytes);
            }

            if (chunk == null)
            {
                Lock->Release();
                return null;
            }

            MappingNames.Give(chunk, chunkBytes, MappingNames.Structures);
            Note((MetadataMapping*)chunk, chunk, chunkBytes);
            s_state.Value.Next = chunk + Alignment;
            s_state.Value.End = chunk + chunkBytes;
        }

        byte* result = s_state.Value.Next;
        s_state.Value.Next += bytes;
        Lock->Release();
        return result;
    }

    /// <summary>So many bytes more of sparse structures are touched.</summary>
    internal static void CountTouched(nint bytes) => Interlocked.Add(ref s_state.Value.TouchedBytes, bytes);

    /// <summary>As <see cref="AllocateSparse"/>, for a large structure: a mapping to itself, of that name.</summary>
    internal static byte* MapAside(nuint bytes, ReadOnlySpan<byte> name)
    {
        byte* result = Os.Map(bytes);
        if (result == null)
        {
            return null; // before there is a note, which would be lost each time
        }

        MetadataMapping* note = (MetadataMapping*)AllocateSparse((nuint)sizeof(MetadataMapping));
        if (note == null)
        {
            Os.Unmap(result, bytes);
            return null;
        }

        MappingNames.Give(result, bytes, name);
        Lock->Acquire();
        Note(note, result, bytes);
        Lock->Release();
        return result;
    }

    private static void Note(MetadataMapping* note, byte* start, nuint bytes)
    {
        note->Start = start;
        note->Bytes = bytes;
        note->Next = s_state.Value.Mappings;
        s_state.Value.Mappings = note;
        s_state.Value.MappedBytes += bytes;
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

using System.Runtime;

namespace NativeMalloc;

/// <summary>The functions that tell of the heap, or tune it.</summary>
internal static unsafe class Introspection
{
    /// <summary>M_MXFAST, and the most that glibc takes for it: 80 * sizeof(size_t) / 4.</summary>
    private const int FastBinSize = 1;
    private const uint MostOfFastBins = 160;

    /// <summary>Bytes that may be used of a block: never fewer than were asked for, and the same for all of its life. 0 for null.</summary>
    [RuntimeExport("malloc_usable_size")]
    internal static nuint UsableSize(void* block) => block != null && TryUsableSize(block, Caller.UsableSize, out nuint size) ? size : 0;

    /// <summary>The same, for the function that a report would name; false if the address is no block.</summary>
    internal static bool TryUsableSize(void* block, Caller caller, out nuint size)
    {
        nuint sizeClass = PageMap.ClassOf((nuint)block);
        if (sizeClass != 0 && !Options.Check)
        {
            size = SizeClasses.Size(sizeClass);
            return true;
        }

        size = Reserve.SizeOf(block);
        if (size != 0)
        {
            return true;
        }

        if (Options.Check)
        {
            return Checked.TryUsableSize(block, caller, out size);
        }

        sizeClass = Heap.ClassOf(block);
        if (sizeClass != 0)
        {
            size = SizeClasses.Size(sizeClass);
            return true;
        }

        Span* span = LargeBlocks.SpanOf(block, caller);
        size = span != null ? span->BlockBytes : 0;
        return span != null;
    }

    /// <summary>
    /// Empties the caches and gives all free memory back to the kernel, whatever <paramref name="keep"/> says: it is the room to
    /// leave at the end of glibc's heap, which this heap does not have. 1 if any memory went back, else 0.
    /// </summary>
    [RuntimeExport("malloc_trim")]
    internal static int Trim(nuint keep) => Extensions.ReleaseMemory(ulong.MaxValue) > 0 ? 1 : 0;

    /// <summary>
    /// Accepts what glibc's does, which is all, even parameters that it does not know, but a size for its fast bins (M_MXFAST) that they cannot have; and
    /// has no use for it. 1, or 0.
    /// </summary>
    [RuntimeExport("mallopt")]
    internal static int SetOption(int parameter, int value) => parameter == FastBinSize && (uint)value > MostOfFastBins ? 0 : 1;

    /// <summary>The numbers of mallinfo2; the C ABI passes the place for the structure, and wants it back.</summary>
    [RuntimeExport("mallinfo2")]
    internal static MallInfo<nuint>* MallInfo2(MallInfo<nuint>* result)
    {
        *result = default;
        if (!Startup.EnsureHeap())
        {
            return result;
        }

        HeapStatistics all = OwnReport.Gather();
        result->Arena = all.Mapped - all.Metadata - all.Released;
        result->FreeChunks = (nuint)all.FreeObjects;
        result->CachedChunks = (nuint)all.CachedObjects;
        result->CachedBytes = all.FrontEnd + all.Transfer;
        result->InUseBytes = all.InUse;
        result->FreeBytes = result->Arena - all.InUse;
        result->TrimmableBytes = all.Free;
        return result;
    }

    /// <summary>As <see cref="MallInfo2"/>, in 32-bit fields that wrap around, as glibc's do.</summary>
    [RuntimeExport("mallinfo")]
    internal static MallInfo<int>* MallInfo(MallInfo<int>* result)
    {
        MallInfo<nuint> wide;
        MallInfo2(&wide);
        *result = default;
        result->Arena = (int)wide.Arena;
        result->FreeChunks = (int)wide.FreeChunks;
        result->CachedChunks = (int)wide.CachedChunks;
        result->CachedBytes = (int)wide.CachedBytes;
        result->InUseBytes = (int)wide.InUseBytes;
        result->FreeBytes = (int)wide.FreeBytes;
        result->TrimmableBytes = (int)wide.TrimmableBytes;
        return result;
    }

    /// <summary>Prints the report to standard error.</summary>
    [RuntimeExport("malloc_stats")]
    internal static void PrintStatistics()
    {
        if (Startup.EnsureHeap())
        {
            OwnReport.WriteText(Os.ProcessId(), Output.StandardError);
        }
    }

    /// <summary>Writes the state of the heap to a stdio stream, as XML after glibc's schema; 0, or EINVAL if options is not 0.</summary>
    [RuntimeExport("malloc_info")]
    internal static int WriteXml(int options, void* stream)
    {
        if (options != 0)
        {
            return Errno.Invalid;
        }

        return Startup.EnsureHeap() && StatisticsXml.Write(stream) ? 0 : -1;
    }
}

/// <summary>struct mallinfo2 (with nuint) and struct mallinfo (with int) of malloc.h, by what the fields mean here.</summary>
internal struct MallInfo<T>
    where T : unmanaged
{
    /// <summary>arena: bytes of heap that hold memory.</summary>
    internal T Arena;

    /// <summary>ordblks: free objects in spans.</summary>
    internal T FreeChunks;

    /// <summary>smblks: objects in the caches.</summary>
    internal T CachedChunks;

    /// <summary>hblks and hblkhd: nothing is mapped apart.</summary>
    internal T MappedBlocks;
    internal T MappedBytes;

    /// <summary>usmblks: always 0.</summary>
    internal T Unused;

    /// <summary>fsmblks: bytes in the caches.</summary>
    internal T CachedBytes;

    /// <summary>uordblks: bytes in use by the program.</summary>
    internal T InUseBytes;

    /// <summary>fordblks: all other bytes of the arena.</summary>
    internal T FreeBytes;

    /// <summary>keepcost: what malloc_trim could give back at least.</summary>
    internal T TrimmableBytes;
}

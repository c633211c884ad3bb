using System.Runtime;
using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The two functions of jemalloc's that other allocators offer as well, and libraries ask for by themselves (BoringSSL, folly, protobuf): they go
/// with malloc. The others allocate by flags. Without them nobody takes this library for jemalloc; and who has jemalloc's beside this malloc (BIND)
/// keeps jemalloc's, but for these two, by which a block and a size of jemalloc's must come through.
/// </summary>
internal static unsafe class JemallocNames
{
    // MALLOCX_LG_ALIGN; other bits ask for zeros, or name an arena and a cache, and change no size.
    private const int AlignmentMask = 0x3f;

    private const nint None = 1;

    private static nint s_dallocx;
    private static int s_sizesAreOurs;

    private enum Answer
    {
        Yes = 1,
        No = 2,
    }

    /// <summary>
    /// The room of a block of that size, without allocating it; 0 if there is no such block. Where blocks may be another allocator's, the size alone.
    /// </summary>
    [RuntimeExport("nallocx")]
    internal static nuint RoomFor(nuint size, int flags)
    {
        nuint room = Aligned.RoomFor((nuint)1 << (flags & AlignmentMask), size);
        return room <= size || SizesAreOurs() ? room : size;
    }

    /// <summary>free, for callers that know the size that they asked for, or its room.</summary>
    [RuntimeExport("sdallocx")]
    internal static void FreeSized(void* block, nuint size, int flags)
    {
        if (!Malloc.TryFreeSmall(block))
        {
            FreeOther(block, size, flags);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeOther(void* block, nuint size, int flags)
    {
        if (block == null || Malloc.IsOurs(block))
        {
            Malloc.FreeOwn(block, size);
            return;
        }

        void* dallocx = Dallocx();
        if (dallocx != null)
        {
            Shim.Invoke(dallocx, (nuint)block, (nuint)flags, 0);
            return;
        }

        Malloc.FreeByProcess(block);
    }

    // jemalloc's, which takes back what its sdallocx does.
    private static void* Dallocx()
    {
        nint found = Volatile.Read(ref s_dallocx);
        if (found == 0)
        {
            found = (nint)ForeignFunction.Find("dallocx"u8);
            found = found != 0 ? found : None;
            Volatile.Write(ref s_dallocx, found);
        }

        return found != None ? (void*)found : null;
    }

    private static bool SizesAreOurs()
    {
        if (Volatile.Read(ref s_sizesAreOurs) == 0)
        {
            bool ours = Interposition.IsActive && ForeignFunction.Find("mallocx"u8) == null;
            Volatile.Write(ref s_sizesAreOurs, (int)(ours ? Answer.Yes : Answer.No));
        }

        return s_sizesAreOurs == (int)Answer.Yes;
    }
}

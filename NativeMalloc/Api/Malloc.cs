using System.Runtime;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// malloc and free. A small block's way is: size to class (one table), then this CPU's slab; address to class (two dependent
/// loads), then this CPU's slab. No lock, no atomic instruction, no call.
/// </summary>
internal static unsafe class Malloc
{
    /// <summary>A block of at least <paramref name="size"/> bytes, aligned to 16; null and ENOMEM when there is no memory.</summary>
    [RuntimeExport("malloc")]
    internal static void* Allocate(nuint size) => Take(size, OnFailure.SetErrno);

    /// <summary>As malloc, but for what it does when there is no memory.</summary>
    /// <remarks>
    /// Class 0, of large blocks, has no object in any slab: the slow path takes it up. Two calls, since the one would come after a jump.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* Take(nuint size, OnFailure failure) => size <= SizeClasses.MaxFineSize
        ? Shim.Pop(size, SizeClasses.OfFine(size), failure)
        : Shim.Pop(size, SizeClasses.OfCoarse(size), failure);

    /// <summary>Gives a block back; null is allowed. Leaves errno alone.</summary>
    /// <remarks>Class 0, of all but small blocks, has no room in any slab: the slow path takes it up.</remarks>
    [RuntimeExport("free")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Free(void* block)
    {
        // Two calls, so that a block's way need not begin with the class of what is none.
        if (!PageMap.MayBeBlock((nuint)block, out nuint turned, out nuint entry))
        {
            Shim.Push(block, 0);
            return;
        }

        Shim.Push(block, PageMap.ClassOf(turned, entry));
    }

    /// <summary>free, under the name that old programs use.</summary>
    [RuntimeExport("cfree")]
    internal static void Cfree(void* block) => Free(block);

    /// <summary>C23: free, for callers that know the size that they asked for. Where a program has its own free, and not this, its blocks go there, as by glibc's.</summary>
    [RuntimeExport("free_sized")]
    internal static void FreeSized(void* block, nuint size)
    {
        if (TryFreeSmall(block))
        {
            return;
        }

        if (block == null || IsOurs(block))
        {
            FreeOwn(block, size);
            return;
        }

        FreeByProcess(block);
    }

    /// <summary>Frees a small block, if there is nothing more to know of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryFreeSmall(void* block)
    {
        nuint sizeClass = PageMap.ClassOf((nuint)block);
        if (sizeClass == 0 || Options.Check)
        {
            return false;
        }

        Shim.Push(block, sizeClass);
        return true;
    }

    /// <summary>As free_sized, of what is not another allocator's.</summary>
    internal static void FreeOwn(void* block, nuint size)
    {
        if (Options.Check)
        {
            CpuCache.FreeChecked(block, size, size);
            return;
        }

        Free(block);
    }

    /// <summary>It lies in this heap: else it is another allocator's, or misuse.</summary>
    internal static bool IsOurs(void* block) => PageMap.SpanOf((nuint)block) != null || Reserve.SizeOf(block) != 0;

    /// <summary>By the process's free: the program's, if it has its own; ours tells of misuse.</summary>
    internal static void FreeByProcess(void* block) => Shim.Invoke(Shim.BoundFree(), (nuint)block, 0, 0);

    /// <summary>C23: free, for callers that know the alignment and the size that they asked for.</summary>
    [RuntimeExport("free_aligned_sized")]
    internal static void FreeAlignedSized(void* block, nuint alignment, nuint size) => FreeSized(block, size);
}

using System.Runtime;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>The functions that allocate to an alignment.</summary>
internal static unsafe class Aligned
{
    /// <summary>The alignment of every block.</summary>
    private const nuint MinAlignment = 16;

    /// <summary>The largest power of two.</summary>
    private const ulong MaxAlignment = 1UL << 63;

    /// <summary>
    /// A block aligned to the next power of two from <paramref name="alignment"/> on (24 is 32, as in glibc); EINVAL where there is none.
    /// </summary>
    [RuntimeExport("memalign")]
    internal static void* Memalign(nuint alignment, nuint size)
    {
        if (alignment > MaxAlignment)
        {
            return Errno.Fail(Errno.Invalid);
        }

        nuint power = MinAlignment;
        while (power < alignment)
        {
            power *= 2;
        }

        return Allocate(size, power, OnFailure.SetErrno);
    }

    /// <summary>C11: a block aligned to a power of two; EINVAL for any other alignment.</summary>
    [RuntimeExport("aligned_alloc")]
    internal static void* AlignedAlloc(nuint alignment, nuint size) =>
        IsPowerOfTwo(alignment) ? Allocate(size, alignment, OnFailure.SetErrno) : Errno.Fail(Errno.Invalid);

    /// <summary>
    /// POSIX: stores the block and returns 0, or returns EINVAL (not a power of two, or below a pointer's size) or ENOMEM and
    /// leaves *<paramref name="result"/> and errno alone.
    /// </summary>
    [RuntimeExport("posix_memalign")]
    internal static int PosixMemalign(void** result, nuint alignment, nuint size)
    {
        if (!IsPowerOfTwo(alignment) || alignment < (nuint)sizeof(void*))
        {
            return Errno.Invalid;
        }

        void* block = Allocate(size, alignment, OnFailure.ReturnNull);
        if (block == null)
        {
            Shortage.Note(size);
            return Errno.NoMemory;
        }

        *result = block;
        return 0;
    }

    /// <summary>A block aligned to a page.</summary>
    [RuntimeExport("valloc")]
    internal static void* Valloc(nuint size) => Allocate(size, KernelPage.Size, OnFailure.SetErrno);

    /// <summary>A block of whole pages.</summary>
    [RuntimeExport("pvalloc")]
    internal static void* Pvalloc(nuint size)
    {
        nuint rounded = (size + KernelPage.Size - 1) & ~(KernelPage.Size - 1);
        return rounded < size ? Errno.Fail(Errno.NoMemory) : Allocate(rounded, KernelPage.Size, OnFailure.SetErrno);
    }

    /// <summary>
    /// A block aligned to a power of two; without memory for it, what <paramref name="failure"/> says. C++'s operators may ask for what is no power
    /// of two: that fails too, where it would not be served anyway.
    /// </summary>
    internal static void* Allocate(nuint size, nuint alignment, OnFailure failure)
    {
        nuint mask = alignment - 1;
        nuint rounded = (size + mask) & ~mask;
        if (rounded >= size && rounded <= SizeClasses.MaxFineSize && alignment <= PageMap.PageSize && !Options.Check)
        {
            nuint sizeClass = SizeClasses.OfFine(rounded);
            if ((SizeClasses.Size(sizeClass) & mask) == 0)
            {
                return Shim.Pop(size, sizeClass, failure);
            }
        }

        return AllocateUncommon(size, alignment, failure);
    }

    // What the first class that has room for it is not aligned to, and what is not small.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* AllocateUncommon(nuint size, nuint alignment, OnFailure failure)
    {
        if (alignment <= MinAlignment)
        {
            return Shim.Pop(size, SizeClasses.Of(size), failure);
        }

        if (!IsPowerOfTwo(alignment))
        {
            return CpuCache.Fail(size, failure);
        }

        nuint sizeClass = Options.Check ? 0 : SizeClasses.OfAligned(size, alignment);
        if (sizeClass != 0)
        {
            return Shim.Pop(size, sizeClass, failure);
        }

        ThreadState* thread = Shim.Thread();
        void* block;
        if (SlowPath.TryEnter(thread))
        {
            block = Options.Check ? Checked.Allocate(size, alignment) : LargeBlocks.Allocate(size, alignment);
            SlowPath.Leave(thread);
            if (block != null)
            {
                Intercept.Count(thread, block, size);
            }
        }
        else
        {
            block = Reserve.Allocate(size, alignment);
        }

        return block != null ? block : CpuCache.Fail(size, failure);
    }

    /// <summary>
    /// What <see cref="Introspection.UsableSize"/> says of a block that was asked for with that size and alignment, a power of two: of malloc's,
    /// with 1. 0 if there is no such block. In checking mode, the size.
    /// </summary>
    internal static nuint RoomFor(nuint alignment, nuint size)
    {
        if (size > LargeBlocks.MaxSize || alignment > LargeBlocks.MaxSize - size)
        {
            return 0;
        }

        nuint sizeClass = SizeClasses.OfAligned(size, alignment);
        return Options.Check ? size : sizeClass != 0 ? SizeClasses.Size(sizeClass) : LargeBlocks.RoomFor(size);
    }

    private static bool IsPowerOfTwo(nuint value) => value != 0 && (value & (value - 1)) == 0;
}

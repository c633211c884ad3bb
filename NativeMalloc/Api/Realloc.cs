using System.Runtime;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>calloc, realloc and reallocarray.</summary>
internal static unsafe class Realloc
{
    /// <summary>Bytes; so little is a small step, too, if the same block grew before.</summary>
    private const int LeastStep = 16;

    /// <summary>A block of <paramref name="count"/> times <paramref name="size"/> bytes that reads zero.</summary>
    [RuntimeExport("calloc")]
    internal static void* AllocateZeroed(nuint count, nuint size)
    {
        if (!Multiply(count, size, out nuint bytes))
        {
            return Errno.Fail(Errno.NoMemory);
        }

        return bytes <= SizeClasses.MaxFineSize ? Clear(Malloc.Allocate(bytes), bytes) : AllocateLargeZeroed(bytes);
    }

    /// <summary>
    /// The block, or another one with its contents, of at least <paramref name="size"/> bytes. On failure null, and the old
    /// block stays. As in glibc, size 0 frees and gives null, and a null block makes this malloc.
    /// </summary>
    [RuntimeExport("realloc")]
    internal static void* Resize(void* block, nuint size)
    {
        if (block == null)
        {
            return Malloc.Allocate(size);
        }

        if (size == 0)
        {
            Malloc.Free(block);
            return null;
        }

        nuint sizeClass = PageMap.ClassOf((nuint)block);
        return sizeClass != 0 && !Options.Check ? ResizeSmall(block, SizeClasses.Size(sizeClass), size) : ResizeOther(block, size);
    }

    /// <summary>
    /// realloc for <paramref name="count"/> times <paramref name="size"/> bytes: the process's, since a program that brings its own malloc may
    /// have no reallocarray (glibc's does the same).
    /// </summary>
    [RuntimeExport("reallocarray")]
    internal static void* ResizeArray(void* block, nuint count, nuint size) =>
        Multiply(count, size, out nuint bytes) ? Shim.Invoke(Shim.BoundRealloc(), (nuint)block, bytes, 0) : Errno.Fail(Errno.NoMemory);

    // Of more than MaxFineSize bytes: it may be that what lies there reads zero already. Of less that is not asked, for it would not pay.
    private static void* AllocateLargeZeroed(nuint bytes)
    {
        if (bytes > SizeClasses.MaxSize && SlowPath.TryEnter(Shim.Thread()))
        {
            void* block = Options.Check ? Checked.Allocate(bytes, PageMap.PageSize, zeroed: true) : null;
            Span* span = Options.Check ? null : LargeBlocks.TakeSpan(bytes, CacheColour.Line);
            SlowPath.Leave(Shim.Thread());
            block = span != null ? LargeBlocks.MakeZero(span, bytes) : block; // a fork need not wait for that
            if (block == null)
            {
                return Shortage.Fail(bytes);
            }

            Intercept.Count(Shim.Thread(), block, bytes);
            return block;
        }

        void* small = bytes <= SizeClasses.MaxSize ? CpuCache.TakeZeroed(SizeClasses.OfCoarse(bytes), bytes) : null;
        return small != null ? small : Clear(Malloc.Allocate(bytes), bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void* Clear(void* block, nuint bytes)
    {
        if (block != null)
        {
            Shim.Fill(block, 0, bytes);
        }

        return block;
    }

    // Stays while the block is large enough and not a quarter too large.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void* ResizeSmall(void* block, nuint usable, nuint size) =>
        size <= usable && size >= usable - usable / 4 ? block : ReplaceSmall(block, usable, size);

    private static void* ReplaceSmall(void* block, nuint usable, nuint size)
    {
        if (size < usable)
        {
            // Another would be as large: the least block is more than a quarter too large for most sizes.
            return SizeClasses.Size(SizeClasses.Of(size)) == usable ? block : Replace(block, usable, size);
        }

        ThreadState* thread = Shim.Thread();
        nuint ample = usable + usable / 4;
        void* replacement = IsSmallStep(usable, size, again: block == thread->Grown) && ample <= SizeClasses.MaxSize && !Heap.IsShort
            ? TryReplace(block, usable, size, ample)
            : null;
        replacement = replacement != null ? replacement : Replace(block, usable, size);
        thread->Grown = replacement;
        return replacement;
    }

    // Who grows a block in small steps would have it copied at most of them. With a quarter more it is at few (tcmalloc adds as much, whatever
    // the step). A quarter is more than any of these steps.
    private static bool IsSmallStep(nuint usable, nuint size, bool again) =>
        size - usable <= usable / MovedBlocks.SmallStep || (again && size - usable <= LeastStep && usable >= 4 * LeastStep);

    // Large blocks, those in remnants, beside samples and of the reserve, and all blocks in checking mode.
    private static void* ResizeOther(void* block, nuint size)
    {
        if (size > LargeBlocks.MaxSize)
        {
            return Errno.Fail(Errno.NoMemory);
        }

        if (!Introspection.TryUsableSize(block, Caller.Realloc, out nuint usable))
        {
            return null;
        }

        Span* span = Options.Check || Reserve.SizeOf(block) != 0 ? null : PageMap.SpanOf((nuint)block);
        if (span != null && span->SizeClass != 0)
        {
            return ResizeSmall(block, usable, size);
        }

        ThreadState* thread = Shim.Thread();
        if (span != null && size > SizeClasses.MaxSize && SlowPath.TryEnter(thread))
        {
            void* resized = ResizeLarge(span, block, size);
            SlowPath.Leave(thread);
            if (resized != null)
            {
                Intercept.Count(thread, resized, size); // as if it had been freed, and another allocated
                return resized;
            }
        }

        return Replace(block, usable, size);
    }

    // What had been a sample is none any more: with its new size it may be one again. Its end is told before another's block may begin there.
    private static void* ResizeLarge(Span* span, void* block, nuint size)
    {
        Sample* sample = Sampler.TakeOut(block);
        Span* before = span;
        void* resized = LargeBlocks.Resize(ref span, size);
        if (sample != null && resized != null)
        {
            Sampler.End(sample, block);
        }
        else if (sample != null)
        {
            Sampler.PutBack(sample, block);
        }

        LargeBlocks.EndMove(before, span);
        return resized;
    }

    private static void* Replace(void* block, nuint usable, nuint size)
    {
        void* replacement = TryReplace(block, usable, size, size);
        return replacement != null ? replacement
            : size > usable ? Shortage.Fail(size)
            : block; // one that is to shrink can stay as it is
    }

    // By a block with so much room, of which the program asked for a part. All of the old one is copied, not just what was asked for:
    // programs write up to malloc_usable_size.
    private static void* TryReplace(void* block, nuint usable, nuint size, nuint room)
    {
        nuint sizeClass = SizeClasses.Of(room);
        void* replacement = Shim.Pop(sizeClass != 0 ? size : room, sizeClass, OnFailure.ReturnNull);
        if (replacement != null)
        {
            Shim.Move(replacement, block, usable < room ? usable : room);
            Malloc.Free(block);
        }

        return replacement;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Multiply(nuint count, nuint size, out nuint bytes)
    {
        bytes = count * size;
        return ((count | size) >> 32) == 0 || size == 0 || bytes / size == count;
    }
}

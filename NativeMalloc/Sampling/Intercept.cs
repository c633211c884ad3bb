using System.Runtime;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Where allocations and frees come by the sampler: those with which a thread's countdown runs out, and of what lies on a page that the page map
/// has no class for. All others know nothing of it.
/// </summary>
internal static unsafe class Intercept
{
    /// <summary>
    /// As <see cref="CpuCache.PopEmpty"/>, where the countdown of <see cref="AllocationClock"/> has run out with the allocation: whether or not the
    /// slab has an object.
    /// </summary>
    [RuntimeExport("nm_pop_due")]
    internal static void* PopDue(nuint size, nuint sizeClass, OnFailure failure)
    {
        ThreadState* thread = Shim.Thread();
        if (Upkeep.Look(thread, size))
        {
            return Shim.PopSample(size, sizeClass, failure);
        }

        AllocationClock.CountBack(thread, size); // it comes by again
        return Shim.Pop(size, sizeClass, failure);
    }

    /// <summary>Counts an allocation that did not come by <see cref="Shim.Pop"/>, when no lock is held.</summary>
    internal static void Count(ThreadState* thread, void* block, nuint size)
    {
        AllocationClock.Count(thread, size);
        if (AllocationClock.IsDue(thread) && Upkeep.Look(thread, size))
        {
            Sampler.Finish(thread, block, size, Sampler.Begin(thread));
        }
    }

    /// <summary>The allocation is to be a sample. "caller": the registers of the library's caller, or of one of its functions.</summary>
    [RuntimeExport("nm_pop_sample_of")]
    internal static void* PopSample(nuint size, nuint sizeClass, OnFailure failure, Registers* caller)
    {
        ThreadState* thread = Shim.Thread();
        ulong mean = Sampler.Begin(thread);
        AllocationClock.CountBack(thread, size);
        void* block = Shim.Pop(size, sizeClass, OnFailure.ReturnNull);
        if (block == null)
        {
            Sampler.GiveUp(thread);
            return CpuCache.Fail(size, failure); // which may throw, or allocate once more
        }

        Sampler.Finish(thread, block, size, mean, caller);
        return block;
    }

    /// <summary>
    /// Takes an object back, when the slab had no room for it. For class 0: a large block, an object of a remnant, or of a page with samples; null; or
    /// what is none.
    /// </summary>
    [RuntimeExport("nm_push_full")]
    internal static void PushFull(void* block, nuint sizeClass)
    {
        if (sizeClass != 0)
        {
            CpuCache.PushSlowly(block, sizeClass);
            return;
        }

        if (block == null)
        {
            return;
        }

        if (!Options.Check && Sampler.IsSample(block))
        {
            PushSample(block);
            return;
        }

        sizeClass = Heap.ClassBySpan(block);
        if (sizeClass != 0)
        {
            Shim.Push(block, sizeClass); // as any other
        }
        else if ((Options.Check || !LargeBlocks.TryCache(block)) && !Reserve.TryFree(block))
        {
            CpuCache.PushSlowly(block, 0);
        }
    }

    // It is a sample no more, and goes the way of all others; or is left to be freed later, with that.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void PushSample(void* block)
    {
        ThreadState* thread = Shim.Thread();
        if (!SlowPath.TryEnter(thread))
        {
            CpuCache.FreeLater(block);
            return;
        }

        Sampler.End(block);
        SlowPath.Leave(thread);
        Shim.Push(block, PageMap.ClassOf((nuint)block));
    }
}

using System.Runtime;
using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The front end's slow paths: where <see cref="Shim.Pop"/> and <see cref="Shim.Push"/> go on when this CPU's slab has no object,
/// or no room, or is the sentinel. Objects come and go in batches, between the slab and the transfer cache.
/// </summary>
internal static unsafe class CpuCache
{
    private const nuint MinAlignment = 16;

    /// <summary>
    /// An object of the class, when the slab had none; for class 0, a large block of that size. When there is no memory, null with
    /// errno ENOMEM, or what operator new does.
    /// </summary>
    [RuntimeExport("nm_pop_empty")]
    internal static void* PopEmpty(nuint size, nuint sizeClass, OnFailure failure) =>
        sizeClass == 0 ? PopLarge(size, failure) : PopSlowly(size, sizeClass, failure);

    // Methods of their own, so that the above needs no frame, and this a small one.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* PopLarge(nuint size, OnFailure failure)
    {
        void* cached = LargeBlocks.TakeCached(size);
        return cached != null ? cached : PopSlowly(size, 0, failure);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* PopSlowly(nuint size, nuint sizeClass, OnFailure failure)
    {
        void* block;
        bool attached = false;
        ThreadState* thread = Shim.Thread();
        if (SlowPath.TryEnter(thread))
        {
            Slab* own = Shim.OwnSlab();
            block = Options.Check ? Checked.Allocate(size, MinAlignment)
                : sizeClass == 0 ? LargeBlocks.Allocate(size, CacheColour.Line)
                : Refill(own, sizeClass, size, out attached);
            if (block == null)
            {
                AllocationClock.CountBack(thread, size);
            }

            Upkeep.Tick(thread, own, size);
            SlowPath.Leave(thread);
            Sampler.TakeIfDue(thread, block, size);
        }
        else
        {
            // All that an object of the class is: a caller may have asked for its alignment, and a sized delete makes it one.
            block = sizeClass == 0 ? Reserve.Allocate(size, MinAlignment) : Reserve.Allocate(SizeClasses.Size(sizeClass), SizeClasses.Alignment(sizeClass));
            if (block == null)
            {
                AllocationClock.CountBack(thread, size);
            }
        }

        return block != null ? block
            : attached ? Shim.Pop(size, sizeClass, failure) // there may be objects after all
            : Fail(size, failure);
    }

    /// <summary>An allocation of that size fails as its caller wants it.</summary>
    internal static void* Fail(nuint size, OnFailure failure) =>
        failure == OnFailure.ReturnNull ? null
        : failure == OnFailure.SetErrno ? Shortage.Fail(size)
        : CxxRuntime.Throw(size, 0);

    /// <summary>
    /// An object of the class that reads zero: where no cache has one, it comes straight from its span, and what nobody has touched since
    /// the kernel zeroed it is left alone. Null where malloc is to be asked.
    /// </summary>
    internal static void* TakeZeroed(nuint sizeClass, nuint size)
    {
        ThreadState* thread = Shim.Thread();
        Slab* own = Shim.OwnSlab();
        if (own == null || Slab.CountOf(own, sizeClass) > 0 || Heap.Transfer(sizeClass)->Count > 0 || !SlowPath.TryEnter(thread))
        {
            return null;
        }

        void* block = null;
        if (!Options.Check && CentralFreeLists.TakeOne(sizeClass, &block, out ulong holes))
        {
            CountMiss(own, sizeClass, size);
            AllocationClock.Count(thread, size);
            Zeroing.Clear(PageMap.SpanOf((nuint)block), (byte*)block, size, holes);
        }

        Upkeep.Tick(thread, own, size);
        SlowPath.Leave(thread);
        Sampler.TakeIfDue(thread, block, size);
        return block;
    }

    // An object of the class; with it, as many as there is room for go to the slab. Null if there is no memory, and if the thread
    // was attached to a slab only now.
    private static void* Refill(Slab* own, nuint sizeClass, nuint size, out bool attached)
    {
        Slab* slab = UsableSlab(own, out attached);
        if (attached)
        {
            return null;
        }

        void* block;
        int wanted = 1;
        if (slab != null)
        {
            // Not empty: the sequence was interrupted. One more try, so that a debugger that interrupts each comes through.
            if (Slab.CountOf(slab, sizeClass) > 0 && Shim.PopBatch(slab, sizeClass, &block, 1) == 1)
            {
                return block;
            }

            wanted = WantedForRefill(slab, sizeClass, size);
            slab->Flow += CountMove(slab, sizeClass, wanted);
            Slab.CountCame(slab, sizeClass, wanted);
        }

        if (!Startup.EnsureHeap())
        {
            return null;
        }

        block = Fetch(slab, sizeClass, wanted);
        block = block != null ? block : Heap.TakeWhenShort(sizeClass);
        return block != null && slab == null && Options.Check ? Checked.Replace(block, sizeClass, size) : block;
    }

    // An object of so many that the transfer cache gives; the others go to the slab. Null if it has none. A method of its own, as
    // GiveMove, so that their room for objects is not on the stack under all else that a slow path does.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* Fetch(Slab* slab, nuint sizeClass, int wanted)
    {
        void** objects = stackalloc void*[SizeClasses.MaxMove];
        int others = Heap.Transfer(sizeClass)->Take(sizeClass, objects, wanted) - 1;
        if (others < 0)
        {
            return null;
        }

        // The first is the caller's, the second will be the slab's topmost.
        if (others > 0)
        {
            int pushed = Shim.PushBatch(slab, sizeClass, objects + 1, others);
            others -= pushed < 0 ? 0 : pushed; // not if on another CPU by now
            if (others > 0)
            {
                Heap.Transfer(sizeClass)->Give(sizeClass, objects + 1, others);
            }
        }

        return objects[0];
    }

    /// <summary>Takes an object back, when the slab had no room for it; for class 0, what may be a large block.</summary>
    internal static void PushSlowly(void* block, nuint sizeClass)
    {
        ThreadState* thread = Shim.Thread();
        if (!SlowPath.TryEnter(thread))
        {
            FreeLater(block);
            return;
        }

        Slab* own = Shim.OwnSlab();
        bool given = TryGive(own, block, sizeClass);
        Upkeep.Tick(thread, own, 0);
        SlowPath.Leave(thread);
        if (!given)
        {
            Shim.Push(block, sizeClass);
        }
    }

    /// <summary>Leaves a block to be freed when this thread, or another, may. What is no block must not be written to.</summary>
    internal static void FreeLater(void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (span == null ? !Reserve.TryFree(block) : !Heap.IsBlock(span, block))
        {
            Misuse.ReportNoBlock(Caller.Free, block);
        }
        else if (span != null)
        {
            SlowPath.Defer(block);
        }
    }

    /// <summary>Frees a block that could not be freed before, on the slow path.</summary>
    internal static void GiveDeferred(void* block)
    {
        if (!Options.Check)
        {
            Sampler.End(block);
        }

        nuint sizeClass = Heap.ClassOf(block);
        if (!TryGive(Shim.OwnSlab(), block, sizeClass))
        {
            Heap.Transfer(sizeClass)->Give(sizeClass, &block, 1);
        }
    }

    // False if the block should go to the slab now: it has room, or the thread was attached to it only now. So what was freed last is the
    // topmost, where a second free finds it, also if the slab is emptied meanwhile.
    private static bool TryGive(Slab* own, void* block, nuint sizeClass)
    {
        if (Options.Check)
        {
            Checked.Free(block, Checked.AnySize, out _);
            return true;
        }

        if (sizeClass == 0)
        {
            Span* span = LargeBlocks.SpanOf(block, Caller.Free);
            if (span != null)
            {
                AllocationClock.Shorten(Shim.Thread(), (long)span->Bytes);
                LargeBlocks.Free(span);
            }

            return true;
        }

        // C++'s sized delete did not look where the block lies, nor whether it is one.
        if (Heap.ClassOf(block) != sizeClass)
        {
            if (!Reserve.TryFree(block))
            {
                Misuse.ReportNoObject(block, sizeClass);
            }

            return true;
        }

        return Overflow(own, block, sizeClass);
    }

    /// <summary>In checking mode, a free that says the size, or for which it may have been another.</summary>
    internal static void FreeChecked(void* block, nuint size, nuint orSize)
    {
        ThreadState* thread = Shim.Thread();
        if (Reserve.SizeOf(block) != 0 || !SlowPath.TryEnter(thread))
        {
            Malloc.Free(block);
            return;
        }

        bool rightSize = Checked.Free(block, size, out nuint asked) || (asked == orSize && Checked.Free(block, orSize, out _));
        SlowPath.Leave(thread);
        if (!rightSize)
        {
            Misuse.ReportSize(block, size, asked);
        }
    }

    // Gives an object to the slab if there is room, else makes some; false if the object has yet to go there. To the transfer cache where
    // there is no slab.
    private static bool Overflow(Slab* own, void* block, nuint sizeClass)
    {
        Slab* slab = UsableSlab(own, out bool attached);
        if (attached)
        {
            return false;
        }

        if (slab != null)
        {
            if (Slab.TopOf(slab, sizeClass) == block)
            {
                Misuse.Report(Caller.Free, block, Fault.Freed);
                return true;
            }

            // Not full: interrupted, as above.
            if (Slab.RoomOf(slab, sizeClass) > 0 && Shim.PushBatch(slab, sizeClass, &block, 1) == 1)
            {
                return true;
            }

            slab->Overflows[sizeClass]++;
            if (Grow(slab, sizeClass))
            {
                if (Slab.CountOf(slab, sizeClass) > 0 || !Heap.Transfer(sizeClass)->IsTopmost(block))
                {
                    return false;
                }

                Misuse.Report(Caller.Free, block, Fault.Freed); // when there was no room yet
                return true;
            }

            if (GiveMove(slab, sizeClass))
            {
                return false;
            }

            Slab.CountWent(slab, sizeClass, 1);
        }

        AllocationClock.Shorten(Shim.Thread(), (long)SizeClasses.Size(sizeClass));
        Heap.Transfer(sizeClass)->Give(sizeClass, &block, 1);
        return true;
    }

    // What moves at once, from the slab to the transfer cache; false if nothing does.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool GiveMove(Slab* slab, nuint sizeClass)
    {
        void** objects = stackalloc void*[SizeClasses.MaxMove];
        int count = Shim.PopBatch(slab, sizeClass, objects, SlabCapacity.MoveOf(slab, sizeClass));
        if (count <= 0)
        {
            return false;
        }

        long bytes = CountMove(slab, sizeClass, count);
        slab->Flow -= bytes;
        Slab.CountWent(slab, sizeClass, count);
        AllocationClock.Shorten(Shim.Thread(), bytes);
        Heap.Transfer(sizeClass)->Give(sizeClass, objects, count);
        return true;
    }

    // The slab that this thread's sequences found, ready for what is to be done with it; where they found the sentinel, a new one, or null if
    // they must do without. "attached": since this call.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Slab* UsableSlab(Slab* own, out bool attached)
    {
        attached = false;
        if (own == null)
        {
            return MakeSlab(out attached);
        }

        SlabDrain.Obey(own);
        return own;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Slab* MakeSlab(out bool attached)
    {
        ThreadState* thread = Shim.Thread();
        if (thread->Table == Shim.SentinelTable())
        {
            attached = thread->Detached == 0 && Startup.EnsureFrontEnd() && FrontEnd.Attach(thread);
            return null;
        }

        int index = Shim.CurrentIndex();
        if (index >= 0)
        {
            attached = false;
            return CpuSlabs.Create(index);
        }

        // Another user of the area has unregistered it, or has yet to register it.
        attached = Rseq.Join(thread) && Shim.CurrentIndex() >= 0;
        return null;
    }

    // Objects that came or went; returns their bytes.
    private static long CountMove(Slab* slab, nuint sizeClass, int objects)
    {
        long bytes = objects * (long)SizeClasses.Size(sizeClass);
        slab->Moved += bytes;
        slab->Batches += ((uint)objects + SizeClasses.MaxBatch - 1) / SizeClasses.MaxBatch;
        return bytes;
    }

    // Each is one instruction, so that only a thread that has just come from another CPU can lose one: not worth an atomic one at each slow path.
    private static void CountMiss(Slab* slab, nuint sizeClass, nuint size)
    {
        slab->Underflows[sizeClass]++;
        slab->Requested[sizeClass] += (long)size;
    }

    // How many objects to take: one for the caller, and those that there is room for.
    private static int WantedForRefill(Slab* slab, nuint sizeClass, nuint size)
    {
        CountMiss(slab, sizeClass, size);
        if (Slab.RoomOf(slab, sizeClass) < SizeClasses.Batch(sizeClass))
        {
            Grow(slab, sizeClass);
        }

        return SlabCapacity.RefillOf(slab, sizeClass);
    }

    private static bool Grow(Slab* slab, nuint sizeClass) =>
        slab->Overflows[sizeClass] >= SizeClasses.ReturnsBeforeKept(sizeClass) && SlabCapacity.Grow(slab, sizeClass);
}

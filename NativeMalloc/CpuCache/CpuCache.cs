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

    /// <summary>Once in so many of its slow paths a slab asks what its budget is now.</summary>
    private const uint TicksOfBudget = 8;

    /// <summary>
    /// An object of the class, when the slab had none; for class 0, a large block of that size. When there is no memory, null with
    /// errno ENOMEM, or what operator new does.
    /// </summary>
    [RuntimeExport("nm_pop_empty")]
    internal static void* PopEmpty(nuint sizeClass, nuint size, OnFailure failure)
    {
        if (sizeClass == 0)
        {
            void* cached = LargeBlocks.TakeCached(size);
            if (cached != null)
            {
                return cached;
            }
        }

        void* block;
        bool attached = false;
        ThreadState* thread = Shim.Thread();
        if (SlowPath.TryEnter(thread))
        {
            block = Options.Check ? Checked.Allocate(size, MinAlignment)
                : sizeClass == 0 ? LargeBlocks.Allocate(size, PageMap.PageSize)
                : Refill(sizeClass, size, out attached);
            Upkeep.Tick();
            SlowPath.Leave(thread);
        }
        else
        {
            // All that an object of the class is: a caller may have asked for its alignment, and a sized delete makes it one.
            block = sizeClass == 0 ? Reserve.Allocate(size, MinAlignment) : Reserve.Allocate(SizeClasses.Size(sizeClass), SizeClasses.Alignment(sizeClass));
        }

        return block != null ? block
            : attached ? Shim.Pop(sizeClass, size, failure) // there may be objects after all
            : failure == OnFailure.ReturnNull ? null
            : failure == OnFailure.SetErrno ? Errno.Fail(Errno.NoMemory)
            : CxxRuntime.Throw("_Znwm"u8, size, 0);
    }

    /// <summary>
    /// An object of the class that reads zero: where no cache has one, it comes straight from its span, and what nobody has touched since
    /// the kernel zeroed it is left alone. Null where malloc is to be asked.
    /// </summary>
    internal static void* TakeZeroed(nuint sizeClass, nuint size)
    {
        ThreadState* thread = Shim.Thread();
        Slab* own = OwnSlab();
        if (own == null || Slab.CountOf(own, sizeClass) > 0 || Heap.Transfer(sizeClass)->Count > 0 || !SlowPath.TryEnter(thread))
        {
            return null;
        }

        void* block = null;
        if (!Options.Check && Heap.Transfer(sizeClass)->TakeFromSource(sizeClass, &block, 1) > 0)
        {
            CountMiss(own, sizeClass, size);
            if (!PageMap.SpanOf((nuint)block)->Zeroed)
            {
                Shim.Fill(block, 0, size);
            }
        }

        Upkeep.Tick();
        SlowPath.Leave(thread);
        return block;
    }

    // An object of the class; with it, as many as there is room for go to the slab. Null if there is no memory, and if the thread
    // was attached to a slab only now.
    private static void* Refill(nuint sizeClass, nuint size, out bool attached)
    {
        Slab* slab = SlabOfThisCpu(out attached);
        if (attached)
        {
            return null;
        }

        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        int wanted = 1;
        if (slab != null)
        {
            // Not empty: the sequence was interrupted. One more try, so that a debugger that interrupts each comes through.
            if (Slab.CountOf(slab, sizeClass) > 0 && Shim.PopBatch(slab, sizeClass, objects, 1) == 1)
            {
                return objects[0];
            }

            wanted += RoomForRefill(slab, sizeClass, size);
            wanted = wanted < SizeClasses.Batch(sizeClass) ? wanted : SizeClasses.Batch(sizeClass);
        }

        int taken = Startup.EnsureHeap() ? Heap.Transfer(sizeClass)->Take(sizeClass, objects, wanted) : 0;
        if (taken == 0)
        {
            return null;
        }

        // The first is the caller's, the second will be the slab's topmost.
        int others = taken - 1;
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

    /// <summary>Takes an object back, when the slab had no room for it; for class 0, a large block, or null.</summary>
    [RuntimeExport("nm_push_full")]
    internal static void PushFull(void* block, nuint sizeClass)
    {
        if (block == null || (sizeClass == 0 && ((!Options.Check && LargeBlocks.TryCache(block)) || Reserve.TryFree(block))))
        {
            return;
        }

        bool attached = false;
        ThreadState* thread = Shim.Thread();
        if (!SlowPath.TryEnter(thread))
        {
            if (PageMap.SpanOf((nuint)block) != null)
            {
                SlowPath.Defer(block);
            }
            else if (!Reserve.TryFree(block))
            {
                Misuse.ReportNoBlock("free"u8, block);
            }

            return;
        }

        if (Options.Check)
        {
            Checked.Free(block, Checked.AnySize);
        }
        else if (sizeClass == 0)
        {
            FreeOther(block);
        }
        else
        {
            attached = !Overflow(block, sizeClass);
        }

        Upkeep.Tick();
        SlowPath.Leave(thread);
        if (attached)
        {
            Shim.Push(block, sizeClass);
        }
    }

    /// <summary>In checking mode, a free that says the size.</summary>
    internal static void FreeChecked(void* block, nuint size)
    {
        ThreadState* thread = Shim.Thread();
        if (Reserve.SizeOf(block) != 0 || !SlowPath.TryEnter(thread))
        {
            Malloc.Free(block);
            return;
        }

        Checked.Free(block, size);
        SlowPath.Leave(thread);
    }

    // A large block, or a small one that lies in a remnant.
    private static void FreeOther(void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (span == null || !span->Remnant)
        {
            LargeBlocks.Free(LargeBlocks.SpanOf(block, "free"u8));
            return;
        }

        nuint bytes = Heap.Remnants->Give(span, (nuint)block);
        if (bytes == 0)
        {
            Misuse.ReportNoBlock("free"u8, block);
        }

        Occupancy.Remove(bytes);
    }

    // Makes room for an object in the slab, or gives it and others to the transfer cache; false if the thread was attached to a
    // slab only now.
    private static bool Overflow(void* block, nuint sizeClass)
    {
        Slab* slab = SlabOfThisCpu(out bool attached);
        if (attached)
        {
            return false;
        }

        void** objects = stackalloc void*[SizeClasses.MaxBatch + 1];
        int count = 0;
        if (slab != null)
        {
            if (Slab.TopOf(slab, sizeClass) == block)
            {
                Misuse.Report("free"u8, block, "was freed already"u8);
            }

            // Not full: interrupted, as above.
            if (Slab.RoomOf(slab, sizeClass) > 0 && Shim.PushBatch(slab, sizeClass, &block, 1) == 1)
            {
                return true;
            }

            Interlocked.Increment(ref slab->Overflows[sizeClass]);
            if (Grow(slab, sizeClass) && Shim.PushBatch(slab, sizeClass, &block, 1) == 1)
            {
                return true;
            }

            count = Shim.PopBatch(slab, sizeClass, objects, SlabCapacity.MoveOf(slab, sizeClass));
            count = count < 0 ? 0 : count;
        }

        objects[count++] = block;
        Heap.Transfer(sizeClass)->Give(sizeClass, objects, count);
        return true;
    }

    // The slab that this thread's sequences work on now; null if they must do without. "attached": since this call.
    private static Slab* SlabOfThisCpu(out bool attached)
    {
        ThreadState* thread = Shim.Thread();
        attached = false;
        if (thread->Table == Shim.SentinelTable())
        {
            attached = thread->Detached == 0 && Startup.EnsureFrontEnd() && FrontEnd.Attach(thread);
            if (!attached)
            {
                return null;
            }
        }

        Slab* own = OwnSlab();
        if (own == null)
        {
            int index = Shim.CurrentIndex();
            if (index >= 0)
            {
                return CpuSlabs.Create(index);
            }

            // Another user of the area has unregistered it, or has yet to register it.
            attached = Rseq.Join(thread) && Shim.CurrentIndex() >= 0;
            return null;
        }

        if (own->Ticks % TicksOfBudget == 0)
        {
            ShareBudget(thread, own);
        }

        SlabDrain.Obey(own);
        return own;
    }

    private static void ShareBudget(ThreadState* thread, Slab* own)
    {
        if (thread->Slab != null)
        {
            ThreadSlabs.ShareBudget(own);
        }
        else
        {
            CpuSlabs.ShareBudget(own);
        }
    }

    /// <summary>The slab that this thread's sequences find at the moment; null for the sentinel.</summary>
    internal static Slab* OwnSlab()
    {
        ThreadState* thread = Shim.Thread();
        if (thread->Slab != null)
        {
            return thread->Slab;
        }

        int index = Shim.CurrentIndex();
        nint entry = index < 0 ? 0 : Volatile.Read(ref thread->Table[index]);
        return entry != 0 ? (Slab*)((byte*)Shim.SentinelSlab() + entry) : null;
    }

    private static void CountMiss(Slab* slab, nuint sizeClass, nuint size)
    {
        Interlocked.Increment(ref slab->Underflows[sizeClass]);
        Interlocked.Add(ref slab->Requested[sizeClass], (long)size);
    }

    private static int RoomForRefill(Slab* slab, nuint sizeClass, nuint size)
    {
        CountMiss(slab, sizeClass, size);
        int room = Slab.RoomOf(slab, sizeClass);
        if (room < SizeClasses.Batch(sizeClass) && Grow(slab, sizeClass))
        {
            room = Slab.RoomOf(slab, sizeClass);
        }

        int most = SlabCapacity.MoveOf(slab, sizeClass);
        return room < most ? room : most;
    }

    private static bool Grow(Slab* slab, nuint sizeClass) =>
        slab->Overflows[sizeClass] >= SizeClasses.ReturnsBeforeKept(sizeClass) && SlabCapacity.Grow(slab, sizeClass);
}

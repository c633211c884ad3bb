namespace NativeMalloc;

/// <summary>
/// Checking mode, NATIVEMALLOC_CHECK=1: every allocation and every free takes the slow path and comes here; there are no caches.
/// Blocks are sealed (<see cref="Seal"/>), and freed ones kept back for a while (<see cref="Quarantine"/>). What is found wrong ends
/// the process (<see cref="Misuse"/>) once the slow path is left; until then the block is passed over.
/// </summary>
internal static unsafe class Checked
{
    /// <summary>The size of a free that does not say one.</summary>
    internal static nuint AnySize => ~(nuint)0;

    /// <summary>Before the first checked allocation: objects of spans that have none sealed are not handed out any more.</summary>
    internal static void Start()
    {
        for (nuint sizeClass = 1; Startup.IsHeapReady && sizeClass < SizeClasses.Count; sizeClass++)
        {
            foreach (CentralFreeList<Heap.Spans>* list in CentralFreeLists.Of(sizeClass))
            {
                list->Withhold();
            }
        }
    }

    /// <summary>A new span: all of its objects are new.</summary>
    internal static void PrepareSpan(Span* span)
    {
        span->Checked = true;
        nuint bytes = SizeClasses.Size(span->SizeClass);
        for (int i = 0; i < SizeClasses.ObjectsPerSpan(span->SizeClass); i++)
        {
            Seal.CloseNew((byte*)span->Start + (nuint)i * bytes, bytes);
        }
    }

    /// <summary>
    /// A block of exactly that size; null when there is no memory. <paramref name="alignment"/> is a power of two. <paramref name="zeroed"/>: a
    /// large block reads zero, and is touched no more than it must.
    /// </summary>
    internal static void* Allocate(nuint size, nuint alignment, bool zeroed = false)
    {
        if (size > LargeBlocks.MaxSize - Seal.Bytes || !Startup.EnsureHeap())
        {
            return null;
        }

        void* block = TryAllocate(size, alignment, zeroed);
        if (block == null && !Quarantine.IsEmpty)
        {
            EmptyQuarantine(Caller.Malloc);
            block = TryAllocate(size, alignment, zeroed);
        }

        return block;
    }

    /// <summary>
    /// A block of that size in the place of an object that was taken without a seal: checking mode began after the caller had looked for it. Null
    /// when there is no memory.
    /// </summary>
    internal static void* Replace(void* block, nuint sizeClass, nuint size)
    {
        if (!PageMap.SpanOf((nuint)block)->Checked)
        {
            return block;
        }

        CentralFreeLists.Give(sizeClass, &block, 1);
        return Allocate(size, SizeClasses.Alignment(sizeClass));
    }

    /// <summary>
    /// Takes a block back that is said to have <paramref name="size"/> bytes. False, and nothing is done, if it was asked for with another size.
    /// </summary>
    internal static bool Free(void* block, nuint size, out nuint asked)
    {
        asked = size;
        Span* span = block != null ? SpanOf(block, Caller.Free) : null;
        if (span == null)
        {
            return true;
        }

        if (!span->Checked)
        {
            Sampler.End(block);
            GiveBack(span, block);
            return true;
        }

        if (!TryOpen(span, block, Caller.Free, out asked))
        {
            return true;
        }

        if (size != AnySize && size != asked)
        {
            return false;
        }

        Sampler.End(block);

        nuint bytes = BytesOf(span);
        if (bytes > Quarantine.MaxBlockBytes)
        {
            GiveBack(span, block);
            return true;
        }

        Seal.CloseFreed(block, bytes, 0);
        while (!Quarantine.TryAdd(block, bytes))
        {
            LeaveQuarantine(Caller.Malloc);
        }

        return true;
    }

    /// <summary>
    /// Before memory is said to have run out, and when the process ends: what is in quarantine is looked at and goes. What others put there
    /// meanwhile may stay.
    /// </summary>
    internal static void EmptyQuarantine(Caller caller)
    {
        for (int most = Quarantine.Places; most > 0 && LeaveQuarantine(caller); most--)
        {
        }
    }

    /// <summary>What was asked for, and not a byte more; false if the address is no block.</summary>
    internal static bool TryUsableSize(void* block, Caller caller, out nuint size)
    {
        Span* span = SpanOf(block, caller);
        size = span == null ? 0
            : span->Remnant ? Remnants<Heap.RemnantSpans>.SizeAt(span, (nuint)block)
            : span->SizeClass == 0 && !span->Checked ? span->BlockBytes // as before it was known that blocks are checked
            : BytesOf(span);
        return span != null && (!span->Checked || TryOpen(span, block, caller, out size));
    }

    /// <summary>A block that will be freed later (<see cref="SlowPath.Defer"/>) counts as freed; false if it is none in use.</summary>
    internal static bool TryBeginDefer(void* block)
    {
        Span* span = SpanOf(block, Caller.Free);
        if (span == null || !span->Checked)
        {
            return span != null;
        }

        bool whole = TryOpen(span, block, Caller.Free, out nuint size);
        if (whole)
        {
            Seal.MarkFreed(block, BytesOf(span), size);
        }

        return whole;
    }

    /// <summary>It is in use again until it is freed, and whole, but for its first bytes, by which it was linked to others.</summary>
    internal static void EndDefer(void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (span != null && span->Checked && Seal.Read(block, BytesOf(span), out nuint size) == Seal.State.Freed)
        {
            Seal.MarkLive(block, BytesOf(span), size);
            Seal.MendSlack(block, size, (nuint)sizeof(void*));
        }
    }

    private static void* TryAllocate(nuint size, nuint alignment, bool zeroed)
    {
        nuint sizeClass = SizeClasses.OfAligned(size + Seal.Bytes, alignment);
        void* block;
        Span* span;
        if (sizeClass != 0)
        {
            if (Heap.CentralLists.Take(sizeClass, &block, 1) <= 0 && (block = Heap.TakeWhenShort(sizeClass)) == null)
            {
                return null;
            }

            span = PageMap.SpanOf((nuint)block);
            if (!span->Checked)
            {
                return block; // its span is older than checking mode
            }

            CheckFreed(block, BytesOf(span), Caller.Malloc);
        }
        else
        {
            block = zeroed
                ? LargeBlocks.AllocateZeroed(size + Seal.Bytes)
                : LargeBlocks.Allocate(size + Seal.Bytes, alignment > PageMap.PageSize ? alignment : PageMap.PageSize);
            if (block == null)
            {
                return null;
            }

            span = PageMap.SpanOf((nuint)block);
            span->Checked = true;
        }

        Seal.Close(block, BytesOf(span), size);
        return block;
    }

    // The size that was asked for; only blocks that are in use and whole get past this.
    private static bool TryOpen(Span* span, void* block, Caller caller, out nuint size)
    {
        nuint bytes = BytesOf(span);
        Fault fault = Seal.Read(block, bytes, out size) switch
        {
            Seal.State.New => Fault.NeverInUse,
            Seal.State.Freed => Fault.Freed,
            Seal.State.Overwritten => Fault.WrittenPastEndOrBefore,
            _ => Seal.SlackIsWhole(block, bytes, size) ? Fault.None : Fault.WrittenPastEnd,
        };
        if (fault != Fault.None)
        {
            Misuse.Report(caller, block, fault);
        }

        return fault == Fault.None;
    }

    // The oldest leaves; false if there was none.
    private static bool LeaveQuarantine(Caller caller)
    {
        void* block = Quarantine.TakeOldest();
        if (block == null)
        {
            return false;
        }

        Span* span = PageMap.SpanOf((nuint)block);
        if (span == null)
        {
            Misuse.ReportNoBlock(caller, block); // two threads have freed it at once
        }
        else if (CheckFreed(block, BytesOf(span), caller))
        {
            GiveBack(span, block);
        }

        return true;
    }

    private static void GiveBack(Span* span, void* block)
    {
        if (span->SizeClass == 0)
        {
            LargeBlocks.Free(span);
            return;
        }

        nuint sizeClass = span->Remnant ? Remnants<Heap.RemnantSpans>.ClassAt(span, (nuint)block) : span->SizeClass;
        CentralFreeLists.Give(sizeClass, &block, 1);
    }

    // A block that nobody has is as it was left; false if not.
    private static bool CheckFreed(void* block, nuint bytes, Caller caller)
    {
        Fault fault = Seal.Read(block, bytes, out _) switch
        {
            Seal.State.New => Fault.None,
            Seal.State.Freed => Seal.FreedIsWhole(block, bytes) ? Fault.None : Fault.WrittenAfterFree,
            _ => Fault.WrittenWhileFree,
        };
        if (fault != Fault.None)
        {
            Misuse.Report(caller, block, fault);
        }

        return fault == Fault.None;
    }

    private static Span* SpanOf(void* block, Caller caller)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        if (span == null || !Heap.IsBlock(span, block))
        {
            Misuse.ReportNoBlock(caller, block);
            return null;
        }

        return span;
    }

    private static nuint BytesOf(Span* span) => span->SizeClass != 0 ? SizeClasses.Size(span->SizeClass) : span->Bytes;
}

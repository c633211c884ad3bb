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
            Heap.Central(sizeClass)->Withhold();
        }
    }

    /// <summary>A new span: its objects have no seals, whatever its pages held before.</summary>
    internal static void PrepareSpan(Span* span)
    {
        span->Checked = true;
        nuint bytes = SizeClasses.Size(span->SizeClass);
        for (int i = 0; i < SizeClasses.ObjectsPerSpan(span->SizeClass); i++)
        {
            Seal.Remove((byte*)span->Start + (nuint)i * bytes, bytes);
        }
    }

    /// <summary>A block of exactly that size; null when there is no memory. <paramref name="alignment"/> is a power of two.</summary>
    internal static void* Allocate(nuint size, nuint alignment)
    {
        if (size > LargeBlocks.MaxSize - Seal.Bytes || !Startup.EnsureHeap())
        {
            return null;
        }

        nuint sizeClass = SizeClasses.OfAligned(size + Seal.Bytes, alignment);
        void* block;
        nuint bytes = SizeClasses.Size(sizeClass);
        if (sizeClass != 0)
        {
            if (Heap.Central(sizeClass)->Take(sizeClass, &block, 1) == 0)
            {
                return null;
            }

            CheckFreed(block, bytes, Caller.Malloc);
        }
        else
        {
            block = LargeBlocks.Allocate(size + Seal.Bytes, alignment > PageMap.PageSize ? alignment : PageMap.PageSize);
            if (block == null)
            {
                return null;
            }

            Span* span = PageMap.SpanOf((nuint)block);
            span->Checked = true;
            bytes = span->Bytes;
        }

        Seal.Close(block, bytes, size);
        return block;
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

        nuint bytes = BytesOf(span);
        if (span->Checked)
        {
            if (!TryOpen(span, block, Caller.Free, out asked))
            {
                return true;
            }

            if (size != AnySize && size != asked)
            {
                return false;
            }
        }

        if (!span->Checked || bytes > Quarantine.MaxBlockBytes)
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

    /// <summary>When the process ends: what is still in quarantine is looked at too.</summary>
    internal static void Finish()
    {
        while (LeaveQuarantine(Caller.Exit))
        {
        }
    }

    /// <summary>What was asked for, and not a byte more; false if the address is no block.</summary>
    internal static bool TryUsableSize(void* block, Caller caller, out nuint size)
    {
        Span* span = SpanOf(block, caller);
        size = span != null ? BytesOf(span) : 0;
        return span != null && (!span->Checked || TryOpen(span, block, caller, out size));
    }

    // The size that was asked for; only blocks that are in use and whole get past this.
    private static bool TryOpen(Span* span, void* block, Caller caller, out nuint size)
    {
        nuint bytes = BytesOf(span);
        Fault fault = Seal.Read(block, bytes, out size) switch
        {
            Seal.State.None => Fault.NeverInUse,
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

    // False if there was none.
    private static bool LeaveQuarantine(Caller caller)
    {
        void* block = Quarantine.TakeOldest();
        if (block == null)
        {
            return false;
        }

        Span* span = PageMap.SpanOf((nuint)block);
        if (CheckFreed(block, BytesOf(span), caller))
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

        Heap.Central(span->SizeClass)->Give(span->SizeClass, &block, 1);
    }

    // False if it was written to.
    private static bool CheckFreed(void* block, nuint bytes, Caller caller)
    {
        if (Seal.Read(block, bytes, out _) is Seal.State.Freed && !Seal.FreedIsWhole(block, bytes))
        {
            Misuse.Report(caller, block, Fault.WrittenAfterFree);
            return false;
        }

        return true;
    }

    private static Span* SpanOf(void* block, Caller caller)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        bool found = span != null && (span->SizeClass == 0 ? span->Start == (nuint)block : span->IsObject((nuint)block));
        if (!found)
        {
            Misuse.ReportNoBlock(caller, block);
            return null;
        }

        return span;
    }

    private static nuint BytesOf(Span* span) => span->SizeClass != 0 ? SizeClasses.Size(span->SizeClass) : span->Bytes;
}

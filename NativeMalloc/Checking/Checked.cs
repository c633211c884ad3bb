namespace NativeMalloc;

/// <summary>
/// Checking mode, NATIVEMALLOC_CHECK=1: every allocation and every free takes the slow path and comes here; there are no caches.
/// Blocks are sealed (<see cref="Seal"/>), and freed ones kept back for a while (<see cref="Quarantine"/>). What is found wrong ends
/// the process (<see cref="Misuse"/>).
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

            CheckFreed(block, bytes, "malloc"u8);
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

    /// <summary>Takes a block back that is said to have <paramref name="size"/> bytes.</summary>
    internal static void Free(void* block, nuint size)
    {
        if (block == null)
        {
            return;
        }

        Span* span = SpanOf(block, "free"u8);
        nuint bytes = BytesOf(span);
        if (span->Checked)
        {
            nuint asked = Open(span, block, "free"u8);
            if (size != AnySize && size != asked)
            {
                Misuse.ReportSize(block, size, asked);
            }
        }

        if (!span->Checked || bytes > Quarantine.MaxBlockBytes)
        {
            GiveBack(span, block);
            return;
        }

        Seal.CloseFreed(block, bytes, 0);
        while (!Quarantine.TryAdd(block, bytes))
        {
            LeaveQuarantine("malloc"u8);
        }
    }

    /// <summary>When the process ends: what is still in quarantine is looked at too.</summary>
    internal static void Finish()
    {
        while (LeaveQuarantine("exit"u8))
        {
        }
    }

    /// <summary>What was asked for, and not a byte more.</summary>
    internal static nuint UsableSize(void* block, System.ReadOnlySpan<byte> caller)
    {
        Span* span = SpanOf(block, caller);
        return span->Checked ? Open(span, block, caller) : BytesOf(span);
    }

    // The size that was asked for; only blocks that are in use and whole get past this.
    private static nuint Open(Span* span, void* block, System.ReadOnlySpan<byte> caller)
    {
        nuint bytes = BytesOf(span);
        switch (Seal.Read(block, bytes, out nuint size))
        {
            case Seal.State.None:
                Misuse.Report(caller, block, "is not a block in use"u8);
                break;
            case Seal.State.Freed:
                Misuse.Report(caller, block, "was freed already"u8);
                break;
            case Seal.State.Overwritten:
                Misuse.Report(caller, block, "was written to past its end, or before the start of the block behind it"u8);
                break;
        }

        if (!Seal.SlackIsWhole(block, bytes, size))
        {
            Misuse.Report(caller, block, "was written to past its end"u8);
        }

        return size;
    }

    // False if there was none.
    private static bool LeaveQuarantine(System.ReadOnlySpan<byte> caller)
    {
        void* block = Quarantine.TakeOldest();
        if (block == null)
        {
            return false;
        }

        Span* span = PageMap.SpanOf((nuint)block);
        CheckFreed(block, BytesOf(span), caller);
        GiveBack(span, block);
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

    private static void CheckFreed(void* block, nuint bytes, System.ReadOnlySpan<byte> caller)
    {
        if (Seal.Read(block, bytes, out _) is Seal.State.Freed && !Seal.FreedIsWhole(block, bytes))
        {
            Misuse.Report(caller, block, "was written to after it was freed"u8);
        }
    }

    private static Span* SpanOf(void* block, System.ReadOnlySpan<byte> caller)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        bool found = span != null && (span->SizeClass == 0 ? span->Start == (nuint)block : span->IsObject((nuint)block));
        if (!found)
        {
            Misuse.ReportNoBlock(caller, block);
        }

        return span;
    }

    private static nuint BytesOf(Span* span) => span->SizeClass != 0 ? SizeClasses.Size(span->SizeClass) : span->Bytes;
}

using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The tiers behind the front end, put together: transfer caches over central free lists over the page heap.
/// </summary>
internal static unsafe class Heap
{
    private static TransferCache<CentralLists>* s_transfer;
    private static Apart<PageHeap> s_pages;
    private static Apart<Remnants<RemnantSpans>> s_remnants;
    private static Apart<Occupancy> s_occupancy;

    private const long MinBytesOfPeriod = 64 << PageMap.PageShift;

    private static Apart<Collecting> s_collecting;
    private static int s_grew;
    private static int s_short;

    // Pages of spans that their classes keep though all objects are back.
    private static Apart<long> s_keptPages;

    // Whether classes are asked for remnants in this period, which is next, and how much the period has left.
    private struct Collecting
    {
        internal bool Collects;
        internal nuint Hand;
        internal long BytesLeft;
    }

    private static ref Collecting Period => ref s_collecting.Value;

    // The first class whose spans are yet to be looked through for idle pages; 0 if there is none.
    private static int s_toLook;

    /// <summary>
    /// A block's size does not tell how it is to be freed, so that the page map must be asked: there have been samples, or blocks are checked. Set
    /// before the first such block is handed out, and for good.
    /// </summary>
    internal static bool MustAskPageMap { get; set; }

    internal static PageHeap* Pages => (PageHeap*)Unsafe.AsPointer(ref s_pages.Value);

    internal static Remnants<RemnantSpans>* Remnants => (Remnants<RemnantSpans>*)Unsafe.AsPointer(ref s_remnants.Value);

    internal static TransferCache<CentralLists>* Transfer(nuint sizeClass) => s_transfer + sizeClass;

    /// <summary>What becomes of <see cref="BytesOut"/>.</summary>
    internal static ref Occupancy Occupancy => ref s_occupancy.Value;

    /// <summary>
    /// Bytes of all small objects that the program has, or the slabs: what left the transfer caches and did not come back. Read without the
    /// locks, so batches that are on their way may be missing, or count twice.
    /// </summary>
    internal static nuint BytesOut
    {
        get
        {
            nint bytes = (nint)Remnants->UsedBytes;
            for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
            {
                bytes += (CentralFreeLists.Out(sizeClass) - Transfer(sizeClass)->Count) * (nint)SizeClasses.Size(sizeClass);
            }

            return bytes > 0 ? (nuint)bytes : 0;
        }
    }

    /// <summary>Makes the empty tiers; false when there is no memory.</summary>
    internal static bool Initialize()
    {
        s_occupancy.Value = Occupancy.Begin();
        s_collecting.Value = new Collecting { BytesLeft = MinBytesOfPeriod };
        s_keptPages.Value = 0;
        s_transfer = (TransferCache<CentralLists>*)Metadata.Allocate((nuint)(SizeClasses.Count * sizeof(TransferCache<CentralLists>)));
        return s_transfer != null && CentralFreeLists.Initialize();
    }

    /// <summary>
    /// Gives free memory back to the kernel, at least this many bytes if there are; returns how many. The caches are worth more
    /// than idle pages, so they are emptied only if those do not suffice.
    /// </summary>
    internal static nuint Release(nuint bytes)
    {
        const nuint Rest = PageMap.PageSize - 1;
        nuint whole = bytes > ~Rest ? ~Rest : (bytes + Rest) & ~Rest;
        nuint released = Pages->Release(whole);
        if (released < whole)
        {
            EmptyCaches(mayAbortOthers: true);
            released += Pages->Release(whole - released);
        }

        if (released < whole)
        {
            released += ReleaseAllIdle(whole - released);
        }

        return released < whole ? released + Pages->Release(whole - released) : released; // huge pages that are small now
    }

    /// <summary>There are spans to be looked through for pages that lie idle in them (<see cref="ReleaseIdle"/>).</summary>
    internal static bool HasIdle => Volatile.Read(ref s_toLook) != 0;

    /// <summary>So many periods have ended in which pages in spans could lie idle.</summary>
    internal static void EndIdlePeriods(int ended)
    {
        bool due = false;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count && !Options.Check; sizeClass++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(sizeClass))
            {
                due |= list->EndIdlePeriods(ended);
            }
        }

        if (due)
        {
            Volatile.Write(ref s_toLook, 1);
        }
    }

    /// <summary>All pages that are free in spans lie idle from now on: there is too little memory to keep any.</summary>
    internal static void ForgetPatience()
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count && !Options.Check; sizeClass++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(sizeClass))
            {
                list->BeginLookAtAll();
            }
        }

        Volatile.Write(ref s_toLook, 1);
    }

    /// <summary>Gives the kernel a step's pages in spans that have lain idle; others go on where one stops. No lock is held.</summary>
    internal static void ReleaseIdle()
    {
        IdleStep step = new(Promises.ReleaseStep);
        int toLook = Interlocked.Exchange(ref s_toLook, 0); // nobody else is at it, and who begins anew meanwhile is not forgotten
        for (; toLook is > 0 and < SizeClasses.Count; toLook++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of((nuint)toLook))
            {
                list->ReleaseIdle(ref step);
            }
            if (!step.GoesOn || ForkGate.IsClosedTo(Shim.Thread()))
            {
                break;
            }
        }

        if (toLook < SizeClasses.Count && !step.IsRefused)
        {
            Interlocked.CompareExchange(ref s_toLook, toLook, 0);
        }
    }

    // At once, however short they have lain there; at least so many bytes, if there are. Returns how many.
    private static nuint ReleaseAllIdle(nuint bytes)
    {
        nuint released = 0;
        for (nuint sizeClass = 1; CentralFreeLists.AreReady && !Options.Check && sizeClass < SizeClasses.Count && released < bytes; sizeClass++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(sizeClass))
            {
                list->BeginLookAtAll();
            }

            IdleStep step;
            do
            {
                step = new IdleStep(Promises.ReleaseStep);
                foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(sizeClass))
                {
                    released += list->ReleaseIdle(ref step);
                }
            }
            while (!step.IsRefused && !step.GoesOn && !ForkGate.IsClosedTo(Shim.Thread()));
        }

        return released;
    }

    /// <summary>
    /// Gives all that is cached back down the tiers: also before there is said to be no memory, since the pages that the
    /// cached objects lie on may be what is wanted. No lock is held.
    /// </summary>
    /// <remarks>Unless the program asks for it, other CPUs' sequences are left alone, also where the alternative is to fail: it may have
    /// forbidden itself membarrier on pain of death (seccomp) after its start. Their slabs give back what they have at their next slow path.</remarks>
    internal static void EmptyCaches(bool mayAbortOthers)
    {
        LargeBlocks.GiveCached();
        if (s_transfer == null)
        {
            return; // large blocks need no tiers
        }

        FrontEnd.Drain(mayAbortOthers);
        PlunderTransferCaches(all: true);
        GiveKeptSpans(all: true);
    }

    /// <summary>Moves what has lain in the transfer caches since the last time, or all, to the central free lists.</summary>
    internal static void PlunderTransferCaches(bool all)
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            Transfer(sizeClass)->Plunder(sizeClass, all);
        }
    }

    /// <summary>In this period there was no memory at least once: not the time to ask for more than is needed.</summary>
    internal static bool IsShort
    {
        get => Volatile.Read(ref s_short) != 0;
        set => Volatile.Write(ref s_short, value ? 1 : 0);
    }

    /// <summary>True once, after so much was taken from the page heap that what lies untouched in the caches should have served first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TakeGrown() => Volatile.Read(ref s_grew) != 0 && Interlocked.Exchange(ref s_grew, 0) != 0;

    /// <summary>
    /// Makes remnants, if the spans of all classes together have much more room than they need: some spans of the classes that have
    /// sparse ones, in turn. False if there is none.
    /// </summary>
    private static bool CollectRemnants()
    {
        const int MostSpans = 64;
        int shed = 0;
        for (nuint tried = 1; Period.Collects && tried < SizeClasses.Count && shed < MostSpans; tried++)
        {
            nuint hand = Period.Hand + 1; // others turn it too
            hand = hand < SizeClasses.Count ? hand : 1;
            Period.Hand = hand;
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(hand))
            {
                shed += list->Shed(hand, MostSpans - shed);
            }
        }

        Period.Collects = shed > 0;
        return Period.Collects;
    }

    private static void CountTaken(long bytes)
    {
        long left = Interlocked.Add(ref Period.BytesLeft, -bytes);
        if (left < 0 && left + bytes >= 0)
        {
            EndCentralPeriod();
        }
    }

    // A period lasts while a five hundredth of the heap is taken, from the remnants or, a page for each request, from the page heap.
    private static void EndCentralPeriod()
    {
        const int PeriodFraction = 512;
        const nint MinIdleBytes = 4 << 20;
        const nint IdleFraction = 8;

        nint idle = 0;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(sizeClass))
            {
                idle += list->EndPeriod(sizeClass);
            }
        }

        Volatile.Write(ref s_grew, 1);
        // What was begun goes on until it is hardly worth it any more.
        Period.Collects = idle >= MinIdleBytes && (Period.Collects || idle >= (nint)Pages->UsedBytes / IdleFraction);
        long bytes = (long)Pages->UsedBytes / PeriodFraction;
        Period.BytesLeft = bytes > MinBytesOfPeriod ? bytes : MinBytesOfPeriod;
    }

    /// <summary>
    /// Gives the page heap the spans that their classes keep without an object out: those that were not needed since the last time, or all.
    /// </summary>
    internal static void GiveKeptSpans(bool all)
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count && (!all || Volatile.Read(ref s_keptPages.Value) > 0); sizeClass++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(sizeClass))
            {
                list->GiveKept(all);
            }
        }
    }

    /// <summary>Whether large blocks of so many pages may wait for their next use, beside the spans that their classes keep.</summary>
    internal static bool MayCache(nuint pages) => Pages->MayKeep(pages + (nuint)Volatile.Read(ref s_keptPages.Value));

    /// <summary>
    /// As <see cref="PageHeap.Take"/>. What waits for its next use, large blocks and whole spans, goes before memory from the kernel does,
    /// also where there is enough that is free, but in rows that are too short.
    /// </summary>
    internal static Span* TakeSpan(nuint pages, byte sizeClass, nuint alignment)
    {
        if ((Volatile.Read(ref s_keptPages.Value) > 0 || LargeCache.Bytes > 0) && !Pages->HasBacked(pages, sizeClass, alignment))
        {
            LargeBlocks.GiveCached();
            GiveKeptSpans(all: true);
        }

        return Pages->Take(pages, sizeClass, alignment);
    }

    /// <summary>
    /// An object of the class, where there was none and no memory for more: what the caches hold comes back first. Null if that does
    /// not help either.
    /// </summary>
    internal static void* TakeWhenShort(nuint sizeClass)
    {
        IsShort = true;
        EmptyCaches(mayAbortOthers: false);
        for (int patience = PageHeap.MostWaits; ; patience--)
        {
            void* block;
            bool leaving = ArePagesLeaving();
            if (CentralFreeLists.Take(sizeClass, &block, 1) > 0 || (!Options.Check && TakeFromOthers(sizeClass, &block) > 0))
            {
                return block;
            }

            if (!leaving || patience == 0)
            {
                return null;
            }

            Os.Sleep(1);
        }
    }

    // Another thread gives idle pages back, of a span that nobody can take from meanwhile: it may have what is wanted.
    private static bool ArePagesLeaving()
    {
        bool leaving = false;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(sizeClass))
            {
                leaving |= list->ArePagesLeaving;
            }
        }

        return leaving;
    }

    // The last resort: what is free in the spans of other classes, in whole pages or between their objects.
    private static int TakeFromOthers(nuint sizeClass, void** block)
    {
        for (nuint other = 1; other < SizeClasses.Count; other++)
        {
            foreach (CentralFreeList<Spans>* list in CentralFreeLists.Of(other))
            {
                list->Shed(other, int.MaxValue, all: true);
            }
        }

        int taken = CentralFreeLists.Take(sizeClass, block, 1);
        return taken > 0 ? taken : Remnants->Take(sizeClass, block, 1, any: true);
    }

    /// <summary>
    /// The class of the small object that begins at an address and is the caller's, as far as its page says; 0 where none does. Also where the page
    /// map has none for the page: in a remnant, and beside samples.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint ClassOf(void* block)
    {
        nuint sizeClass = PageMap.ClassOf((nuint)block);
        return sizeClass != 0 ? sizeClass : ClassBySpan(block);
    }

    /// <summary>The same, where the page map has no class for the page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint ClassBySpan(void* block)
    {
        Span* span = PageMap.SpanOf((nuint)block);
        return span == null || span->SizeClass == 0 ? 0
            : span->Remnant ? ClassInRemnant(span, block)
            : PageMap.IsAligned((nuint)block) ? span->SizeClass
            : (nuint)0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nuint ClassInRemnant(Span* span, void* block) => Remnants<RemnantSpans>.ClassAt(span, (nuint)block);

    /// <summary>Whether a block begins at an address that lies in a span, in use or, of a small one, free.</summary>
    internal static bool IsBlock(Span* span, void* address) =>
        span->Remnant ? Remnants<RemnantSpans>.SizeAt(span, (nuint)address) != 0
        : span->SizeClass != 0 ? span->IsObject((nuint)address)
        : LargeBlocks.IsBlock(span, address);

    /// <summary>Where the block begins in which an address of a span lies, and its bytes; 0 if none does. It may be free.</summary>
    internal static nuint BlockAt(Span* span, nuint address, out nuint bytes)
    {
        if (span->Remnant)
        {
            nuint start = Remnants<RemnantSpans>.ObjectAt(span, address);
            bytes = start != 0 ? Remnants<RemnantSpans>.SizeAt(span, start) : 0;
            return start;
        }

        bytes = span->SizeClass != 0 ? SizeClasses.Size(span->SizeClass) : span->BlockBytes;
        return span->SizeClass != 0 ? span->ObjectAt(address) : span->Block;
    }

    // Pages of what begins there, a bit each.
    private static void GivePages(nuint start, uint pages, PageContents contents)
    {
        for (ulong left = pages; left != 0;)
        {
            int count = Bits.TakeRow(ref left, out int first);
            Pages->GivePart(start + ((nuint)first << PageMap.PageShift), (nuint)count, contents);
        }
    }

    /// <summary>What the transfer caches take from and give to.</summary>
    internal readonly struct CentralLists : IObjectSource
    {
        public static int Take(nuint sizeClass, void** objects, int count) => CentralFreeLists.Take(sizeClass, objects, count);

        public static void Give(nuint sizeClass, void** objects, int count) => CentralFreeLists.Give(sizeClass, objects, count);
    }

    /// <summary>What the central free lists take from and give to.</summary>
    internal readonly struct Spans : ISpanSource
    {
        public static Span* Take(nuint sizeClass)
        {
            Span* span = TakeSpan(SizeClasses.PagesPerSpan(sizeClass), (byte)sizeClass, PageMap.PageSize);
            if (span != null && Options.Check)
            {
                Checked.PrepareSpan(span);
            }
            else if (span != null && SizeClasses.Size(sizeClass) <= KernelPage.Size && CentralFreeLists.First(sizeClass)->Spans > 0)
            {
                Population.Fill(span); // of its first a class may never come to the end
            }

            return span;
        }

        public static void Give(Span* span) => Pages->Give(span, released: false);

        // As many as the page heap would keep free.
        public static bool TryKeep(nuint pages)
        {
            nuint kept = (nuint)Interlocked.Add(ref s_keptPages.Value, (long)pages);
            if (!Options.Check && Pages->MayKeep(kept + LargeCache.Bytes / PageMap.PageSize))
            {
                return true;
            }

            EndKeep(pages);
            return false;
        }

        public static void EndKeep(nuint pages) => Interlocked.Add(ref s_keptPages.Value, -(long)pages);

        public static int TakeFromRemnants(nuint sizeClass, void** objects, int count)
        {
            int taken = Remnants->Take(sizeClass, objects, count);
            CountTaken(taken == 0 ? (long)PageMap.PageSize : taken * (long)SizeClasses.Size(sizeClass));
            return taken == 0 && !Options.Check && CollectRemnants() ? Remnants->Take(sizeClass, objects, count) : taken;
        }

        public static ulong* TakeRemnantSets(nuint sizeClass) => Remnants->TakeSets(SizeClasses.PagesPerSpan(sizeClass));

        public static void GiveRemnantSets(nuint sizeClass, ulong* sets) => Remnants->GiveSets(SizeClasses.PagesPerSpan(sizeClass), sets);

        public static uint MakeRemnant(Span* span, nuint sizeClass, ulong* sets) => Remnants->Add(span, sizeClass, sets);

        public static void GivePages(nuint start, uint pages, uint holes)
        {
            Heap.GivePages(start, pages & ~holes, PageContents.Some);
            Heap.GivePages(start, holes, PageContents.None);
        }

        public static bool Release(nuint start, nuint bytes) => Pages->ReleaseInSpan(start, bytes);

        public static void CountHoles(nint bytes) => Pages->CountHoles(bytes);

        public static int GiveElsewhere(nuint sizeClass, void** objects, int count)
        {
            int others = Remnants->Give(sizeClass, objects, count);
            int none = 0;
            for (int i = 0; i < others; i++)
            {
                if (!Reserve.TryFree(objects[i]))
                {
                    objects[none++] = objects[i];
                }
            }

            return none;
        }
    }

    /// <summary>What the remnants take from and give to.</summary>
    internal readonly struct RemnantSpans : IRemnantSource
    {
        public static void GivePages(nuint start, uint pages) => Heap.GivePages(start, pages, PageContents.Some);

        public static void Forget(Span* span) => Pages->Forget(span);
    }
}

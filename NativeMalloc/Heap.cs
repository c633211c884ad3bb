using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// The tiers behind the front end, put together: transfer caches over central free lists over the page heap.
/// </summary>
internal static unsafe class Heap
{
    private static TransferCache<CentralLists>* s_transfer;
    private static CentralFreeList<Spans>* s_central;
    private static PageHeap s_pages;

    internal static PageHeap* Pages => (PageHeap*)Unsafe.AsPointer(ref s_pages);

    internal static TransferCache<CentralLists>* Transfer(nuint sizeClass) => s_transfer + sizeClass;

    internal static CentralFreeList<Spans>* Central(nuint sizeClass) => s_central + sizeClass;

    /// <summary>Makes the empty tiers; false when there is no memory.</summary>
    internal static bool Initialize()
    {
        s_transfer = (TransferCache<CentralLists>*)Metadata.Allocate((nuint)(SizeClasses.Count * sizeof(TransferCache<CentralLists>)));
        s_central = (CentralFreeList<Spans>*)Metadata.Allocate((nuint)(SizeClasses.Count * sizeof(CentralFreeList<Spans>)));
        return s_transfer != null && s_central != null;
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
            EmptyCaches();
            released += Pages->Release(whole - released);
        }

        return released;
    }

    /// <summary>
    /// Gives all that is cached back down the tiers: also before there is said to be no memory, since the pages that the
    /// cached objects lie on may be what is wanted. No lock is held.
    /// </summary>
    internal static void EmptyCaches()
    {
        if (s_transfer == null)
        {
            return; // large blocks need no tiers
        }

        FrontEnd.Drain();
        PlunderTransferCaches(all: true);
    }

    /// <summary>Moves what has lain in the transfer caches since the last time, or all, to the central free lists.</summary>
    internal static void PlunderTransferCaches(bool all)
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            Transfer(sizeClass)->Plunder(sizeClass, all);
        }
    }

    /// <summary>What the transfer caches take from and give to.</summary>
    internal readonly struct CentralLists : IObjectSource
    {
        public static int Take(nuint sizeClass, void** objects, int count)
        {
            int taken = Central(sizeClass)->Take(sizeClass, objects, count);
            if (taken == 0)
            {
                EmptyCaches();
                taken = Central(sizeClass)->Take(sizeClass, objects, count);
            }

            return taken;
        }

        public static void Give(nuint sizeClass, void** objects, int count) => Central(sizeClass)->Give(sizeClass, objects, count);
    }

    /// <summary>What the central free lists take from and give to.</summary>
    internal readonly struct Spans : ISpanSource
    {
        public static Span* Take(nuint sizeClass)
        {
            Span* span = Pages->Take(SizeClasses.PagesPerSpan(sizeClass), (byte)sizeClass, PageMap.PageSize);
            if (span != null && Options.Check)
            {
                Checked.PrepareSpan(span);
            }

            return span;
        }

        public static void Give(Span* span) => Pages->Give(span, released: false);
    }
}

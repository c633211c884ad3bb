using System.Threading;

namespace NativeMalloc;

/// <summary>
/// What the kernel is advised on huge pages (its admin-guide, "Transparent Hugepage Support"). Whether it heeds that depends on its mode,
/// which may change at any time and would cost a file to read at each start: so the same is said in all modes.
/// </summary>
/// <remarks>
/// Small objects leave next to nothing of their spans untouched. What a program touches of a large block nobody knows: such memory is never
/// asked to be huge, and does not count towards what makes other memory so. Nor is any where memory is limited: what of a huge page is not used yet is
/// there as well, and nobody counts it. Advice cannot be taken back, only turned round.
/// </remarks>
internal static unsafe class HugePageAdvice
{
    /// <summary>What to advise on memory that is mapped for a span of so many pages. "scarce": memory is limited.</summary>
    internal static PageAdvice ForMapping(nuint pages, byte sizeClass, bool scarce, in HeapUse use)
    {
        if (Options.HugePages != HugePageChoice.Auto)
        {
            return Options.HugePages == HugePageChoice.Always ? PageAdvice.Huge : PageAdvice.Small;
        }

        // A block that is untouched, however large, makes no difference to those that share their huge pages.
        nuint small = pages < PageBits.Pages ? use.SharedBytes : use.Bytes + (pages << PageMap.PageShift);
        return HugePageUse.IsSmall(small) ? PageAdvice.Small
            : sizeClass != 0 && !scarce && !HugePageUse.IsSmall(use.ObjectBytes) ? PageAdvice.Huge
            : PageAdvice.None;
    }

    internal static void Give(byte* start, nuint bytes, PageAdvice advice)
    {
        if (advice != PageAdvice.None)
        {
            Os.AdviseHuge(start, bytes, advice == PageAdvice.Huge);
        }
    }

    /// <summary>On huge pages that were mapped anew: they are to become one mapping with those beside them.</summary>
    internal static void OnMappedAnew(nuint start, nuint bytes)
    {
        nuint end = start + bytes;
        for (nuint next; start < end; start = next)
        {
            PageAdvice advice = PageMap.HugePageOf(start)->Advice;
            for (next = start + PageMap.HugePageSize; next < end && PageMap.HugePageOf(next)->Advice == advice;)
            {
                next += PageMap.HugePageSize;
            }

            Give((byte*)start, (next < end ? next : end) - start, advice);
        }
    }

    /// <summary>
    /// After a span was taken that is the first of a huge page that lay empty. Whoever had it before, for small objects it may be huge again,
    /// for a large block it may not. Returns the change in the count of huge pages that are kept small.
    /// </summary>
    /// <remarks>
    /// "scarce": memory is limited, and the span leaves a part of the huge page free. Where the kernel makes huge pages by itself, it would back
    /// that part as well, and nobody would count it. Small objects soon fill it; behind a large block it may stay so.
    /// </remarks>
    internal static nint OnTaken(HugePage* hugePage, byte sizeClass, bool scarce, long keptSmall)
    {
        bool small = sizeClass == 0;
        bool differs = small ? hugePage->Advice == PageAdvice.Huge || (scarce && hugePage->Advice == PageAdvice.None) : hugePage->KeptSmall != 0;
        return differs && Options.HugePages == HugePageChoice.Auto ? Turn(hugePage, small, keptSmall) : 0;
    }

    /// <summary>
    /// After pages of a huge page went back, which are in use meanwhile. The kernel would fill it again, when it next looks for memory to
    /// make huge pages of (khugepaged), if others of its pages are in use. Returns the change in the count of huge pages that are kept small.
    /// </summary>
    internal static nint OnReleased(HugePage* hugePage, int count, long keptSmall)
    {
        bool differs = hugePage->UsedPages > count && hugePage->Advice != PageAdvice.Small;
        return differs && Options.HugePages == HugePageChoice.Auto ? Turn(hugePage, small: true, keptSmall) : 0;
    }

    private static nint Turn(HugePage* hugePage, bool small, long keptSmall)
    {
        if (small && !HugePageUse.MayKeepSmall(keptSmall))
        {
            return 0;
        }

        int kept = small ? 1 : 0;
        int before = Interlocked.Exchange(ref hugePage->KeptSmall, kept); // others may be at the same one
        hugePage->Advice = small ? PageAdvice.Small : PageAdvice.Huge;
        Give((byte*)hugePage->Start, PageMap.HugePageSize, hugePage->Advice);
        return kept - before;
    }
}

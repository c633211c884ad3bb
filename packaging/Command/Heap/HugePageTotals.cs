namespace NativeMalloc.Inspect;

/// <summary>Sums over some huge pages, in pages.</summary>
internal struct HugePageTotals
{
    internal int HugePages;
    internal long Used;
    internal long Free;
    internal long Released;

    /// <summary>Huge pages that are used altogether, in part, and not at all.</summary>
    internal int Full;
    internal int Partly;
    internal int Empty;

    internal static HugePageTotals Of(IEnumerable<HugePageUse> hugePages)
    {
        HugePageTotals totals = default;
        foreach (HugePageUse one in hugePages)
        {
            totals.HugePages++;
            totals.Used += one.Used;
            totals.Free += one.Free;
            totals.Released += one.Released;
            totals.Full += one.Used == HugePageUse.Pages ? 1 : 0;
            totals.Partly += one.Used is > 0 and < HugePageUse.Pages ? 1 : 0;
            totals.Empty += one.Used == 0 ? 1 : 0;
        }

        return totals;
    }

    internal static string Size(long pages) => SizeText.Of((double)pages * PageMap.PageSize);

    /// <summary>In words.</summary>
    internal readonly string Counts => $"{HugePages} huge page{(HugePages == 1 ? "" : "s")} of 2 MiB: {Full} full, {Partly} used in part, {Empty} not used";
}

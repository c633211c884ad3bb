namespace NativeMalloc.Inspect;

/// <summary>What is shown of a size class, or of the large blocks together.</summary>
internal readonly record struct TopRow(string Name, int SizeClass, double InUse, double Change, long Objects, double Cached, double Free, double Allocations)
{
    /// <summary>Those that the heap has, in order; the largest first, but by size.</summary>
    internal static List<TopRow> Of(Watch watch, TopOrder order)
    {
        Reading last = watch.Last;
        List<TopRow> all = [.. Enumerable.Range(1, (int)SizeClasses.Count - 1).Where(sizeClass => last.Classes[sizeClass].IsUsed).Select(OfClass)];
        all.Add(new TopRow("large", (int)SizeClasses.Count, last.Heap.InUseLarge, watch.Rate(one => one.Heap.InUseLarge) ?? 0, -1, 0, 0, 0));
        return order == TopOrder.Size ? all : [.. all.OrderByDescending(Key).ThenByDescending(row => row.InUse)];

        TopRow OfClass(int sizeClass)
        {
            ClassStatistics one = last.Classes[sizeClass];
            double size = SizeClasses.Size((nuint)sizeClass);
            return new TopRow(
                size.ToString(), sizeClass, last.LiveBytes(sizeClass), watch.Rate(reading => reading.LiveBytes(sizeClass)) ?? 0, one.Live,
                (one.InFrontEnd + one.InTransfer) * size, last.FreeBytes(sizeClass), watch.Rate(reading => reading.Classes[sizeClass].Underflows) ?? 0);
        }

        double Key(TopRow row) => order switch
        {
            TopOrder.Change => Math.Abs(row.Change),
            TopOrder.InUse => row.InUse,
            TopOrder.Free => row.Free,
            _ => row.Allocations,
        };
    }
}

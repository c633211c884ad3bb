using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>
/// The huge pages in 80 columns: a character for each, or, of a large heap, for as many as lie side by side and share one, so that the picture has
/// some forty lines however large the heap is. Each line begins at an address that is a multiple of what it shows.
/// </summary>
internal static class HeapMapText
{
    private const int CellsInRow = 32;
    private const int MostRows = 40;

    // By the share that is used; the last is all of it.
    private const string Bars = "▁▂▃▄▅▆▇█";
    private const char All = '█';
    private const char FreeAlone = '░'; // where there are no colours
    private const char Nothing = '·';

    internal static void Write(IReadOnlyList<HugePageUse> hugePages, string title, bool colours, TextWriter output)
    {
        string In(string colour, string text) => colours ? colour + text + Terminal.Plain : text;
        HugePageTotals all = HugePageTotals.Of(hugePages);
        int shift = 0;
        while (Rows(hugePages, shift).Count() > MostRows)
        {
            shift++;
        }

        output.Write($"{title}\n{all.Counts}\n");
        output.Write($"{In(Terminal.Blue, All.ToString())} used {HugePageTotals.Size(all.Used)}, as high as its share");
        output.Write($"   {In(Terminal.Orange, (colours ? All : FreeAlone).ToString())} free {HugePageTotals.Size(all.Free)}");
        output.Write($"   {In(Terminal.Faint, Nothing.ToString())} released {HugePageTotals.Size(all.Released)}\n");
        output.Write($"{(shift == 0 ? "a character is a huge page" : $"a character is {1 << shift} huge pages, {SizeText.Of((double)PageMap.HugePageSize * (1 << shift))}")}\n\n");
        if (all.HugePages == 0)
        {
            return;
        }

        output.Write($"{"address",-14} {"",-CellsInRow} {"used",9} {"free",9} {"released",9}\n");
        foreach (IGrouping<nuint, HugePageUse> row in Rows(hugePages, shift))
        {
            Dictionary<int, HugePageTotals> cells = row.GroupBy(one => CellOf(one, shift)).ToDictionary(cell => cell.Key, cell => HugePageTotals.Of(cell));
            string line = string.Concat(Enumerable.Range(0, CellsInRow).Select(i => cells.TryGetValue(i, out HugePageTotals cell) ? Cell(cell, colours) : " "));
            HugePageTotals sums = HugePageTotals.Of(row);
            string start = (row.Key << (PageMap.HugePageShift + shift)).ToString("x", CultureInfo.InvariantCulture);
            output.Write($"0x{start,-12} {line} {HugePageTotals.Size(sums.Used),9} {HugePageTotals.Size(sums.Free),9} {HugePageTotals.Size(sums.Released),9}\n");
        }
    }

    private static IEnumerable<IGrouping<nuint, HugePageUse>> Rows(IReadOnlyList<HugePageUse> hugePages, int shift) =>
        hugePages.GroupBy(one => (one.Start >> (PageMap.HugePageShift + shift)) / CellsInRow * CellsInRow);

    private static int CellOf(HugePageUse one, int shift) => (int)((one.Start >> (PageMap.HugePageShift + shift)) % CellsInRow);

    // Used from below; behind it, in colours, what there is more of.
    private static string Cell(HugePageTotals cell, bool colours)
    {
        long pages = (long)cell.HugePages * HugePageUse.Pages;
        char bar = cell.Used == 0 ? ' ' : Bars[(int)(cell.Used * (Bars.Length - 1) / pages)];
        if (cell.Used > 0)
        {
            return !colours ? bar.ToString() : (cell.Free > cell.Released ? Terminal.BlueOnOrange : Terminal.Blue) + bar + Terminal.Plain;
        }

        bool free = cell.Free > cell.Released;
        return !colours ? (free ? FreeAlone : Nothing).ToString() : free ? Terminal.Orange + All + Terminal.Plain : Terminal.Faint + Nothing + Terminal.Plain;
    }
}

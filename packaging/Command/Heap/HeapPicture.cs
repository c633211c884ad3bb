using System.Globalization;
using System.Security;

namespace NativeMalloc.Inspect;

/// <summary>
/// The huge pages as an SVG picture for a browser: a square for each, where its address has it, filled from below with what is used, then what
/// is free; what is left is released. Light or dark as the reader has it; a square says what it is when it is pointed at.
/// </summary>
internal static class HeapPicture
{
    private const int Margin = 24;
    private const int LabelWidth = 118;
    private const int Top = 146;
    private const int GridWidth = 896;
    private const int PictureWidth = LabelWidth + GridWidth + 2 * Margin;

    /// <summary>Between rows whose addresses do not follow on each other, and from one label to the next at least.</summary>
    private const int RowGap = 6;
    private const int LabelHeight = 14;

    private const string Style = """
        <style>
        :root{--back:#ffffff;--text:#1c2430;--faint:#5b6675;--used:#2f6fb3;--free:#e8902c;--released:#dde3ea}
        @media(prefers-color-scheme:dark){:root{--back:#14181f;--text:#e8ebf0;--faint:#98a3b3;--used:#62a5ec;--free:#f0a24a;--released:#2f3743}}
        svg{background:var(--back)}
        text{fill:var(--text);font:13px system-ui,sans-serif}
        .h{font-size:18px;font-weight:600}.n{font-weight:600}.s{fill:var(--faint)}
        .a{fill:var(--faint);font:11px ui-monospace,monospace}
        .u{fill:var(--used)}.f{fill:var(--free)}.r{fill:var(--released)}
        g:hover>.r,g:hover>.f,g:hover>.u{stroke:var(--text);stroke-width:1}
        </style>

        """;

    internal static void Write(IReadOnlyList<HugePageUse> hugePages, string title, TextWriter output)
    {
        HugePageTotals all = HugePageTotals.Of(hugePages);
        // Some are looked at one by one, thousands for their pattern.
        int inRow = hugePages.Count switch { <= 256 => 32, <= 2048 => 64, _ => 128 };
        int step = GridWidth / inRow;
        IGrouping<nuint, HugePageUse>[] rows = [.. hugePages.GroupBy(one => one.Start / PageMap.HugePageSize / (nuint)inRow)];
        int[] tops = new int[rows.Length + 1];
        for (int i = 0; i < rows.Length; i++)
        {
            bool followed = i + 1 < rows.Length && rows[i + 1].Key == rows[i].Key + 1;
            tops[i] += i == 0 ? Top : 0;
            tops[i + 1] = tops[i] + step + (followed ? 0 : RowGap);
        }

        int height = Math.Max(tops[^1], Top) + Margin;
        output.Write($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {PictureWidth} {height}\" width=\"{PictureWidth}\" height=\"{height}\">\n");
        output.Write(Style);
        output.Write($"<rect width=\"100%\" height=\"100%\" fill=\"var(--back)\"/>\n<text x=\"{Margin}\" y=\"36\" class=\"h\">{SecurityElement.Escape("Heap of " + title)}</text>\n");
        output.Write($"<text x=\"{Margin}\" y=\"58\" class=\"s\">{all.Counts}; a square is one</text>\n");
        WriteSums(all, output);
        int labelled = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            if (tops[i] >= labelled)
            {
                output.Write($"<text x=\"{Margin}\" y=\"{tops[i] + Math.Min(step, LabelHeight) - 3}\" class=\"a\">{Address(rows[i].Key * (nuint)inRow * PageMap.HugePageSize)}</text>\n");
                labelled = tops[i] + LabelHeight;
            }

            foreach (HugePageUse one in rows[i])
            {
                WriteSquare(one, Margin + LabelWidth + (int)(one.Start / PageMap.HugePageSize % (nuint)inRow) * step, tops[i], step > LabelHeight ? step - 2 : step - 1, output);
            }
        }

        output.Write("</svg>\n");
    }

    // The legend is a bar of all together.
    private static void WriteSums(HugePageTotals all, TextWriter output)
    {
        const int Width = PictureWidth - 2 * Margin;
        long pages = Math.Max(1, (long)all.HugePages * HugePageUse.Pages);
        double x = Margin;
        int legend = Margin;
        foreach ((string style, string name, long part) in new[] { ("u", "used", all.Used), ("f", "free", all.Free), ("r", "released", all.Released) })
        {
            double width = (double)Width * part / pages;
            output.Write(string.Create(CultureInfo.InvariantCulture, $"<rect x=\"{x:0.#}\" y=\"74\" width=\"{width:0.#}\" height=\"14\" class=\"{style}\"/>"));
            output.Write($"<rect x=\"{legend}\" y=\"102\" width=\"14\" height=\"14\" rx=\"2\" class=\"{style}\"/>");
            output.Write(string.Create(
                CultureInfo.InvariantCulture,
                $"<text x=\"{legend + 22}\" y=\"114\"><tspan class=\"n\">{name}</tspan> {HugePageTotals.Size(part)} <tspan class=\"s\">{100.0 * part / pages:0.#} %</tspan></text>\n"));
            x += width;
            legend += 230;
        }
    }

    private static void WriteSquare(HugePageUse one, int x, int y, int side, TextWriter output)
    {
        string Part(int pages) => ((double)pages * side / HugePageUse.Pages).ToString("0.##", CultureInfo.InvariantCulture);
        string Below(int pages) => (y + (double)(HugePageUse.Pages - pages) * side / HugePageUse.Pages).ToString("0.##", CultureInfo.InvariantCulture);
        void Box(string style, int pages) =>
            output.Write($"<rect x=\"{x}\" y=\"{Below(pages)}\" width=\"{side}\" height=\"{Part(pages)}\" class=\"{style}\"/>");

        // Each covers a part of the one before, so that nothing shines through between them.
        output.Write($"<g><title>{Address(one.Start)}: of 256 pages {one.Used} used, {one.Free} free, {one.Released} released</title>");
        if (one.Released > 0)
        {
            Box("r", HugePageUse.Pages);
        }

        if (one.Free > 0)
        {
            Box("f", one.Free + one.Used);
        }

        if (one.Used > 0)
        {
            Box("u", one.Used);
        }

        output.Write("</g>\n");
    }

    private static string Address(nuint address) => "0x" + address.ToString("x", CultureInfo.InvariantCulture);
}

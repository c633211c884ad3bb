using System.Globalization;
using System.Security;

namespace NativeMalloc.Inspect;

/// <summary>
/// The huge pages as an SVG picture for a browser: a square for each, in the order of their addresses, filled from below with what is used, then what
/// is free; what is left is released. Light or dark as the reader has it; a square says what it is when it is pointed at.
/// </summary>
internal static class HeapPicture
{
    private const int Margin = 24;
    private const int LabelWidth = 118;
    private const int Top = 150;
    private const int PictureWidth = 1040;

    private const string Style = """
        <style>
        :root{--back:#ffffff;--text:#1c2430;--faint:#5b6675;--used:#2f6fb3;--free:#e8902c;--released:#e4e8ee;--edge:#c3cad4}
        @media(prefers-color-scheme:dark){:root{--back:#14181f;--text:#e8ebf0;--faint:#98a3b3;--used:#62a5ec;--free:#f0a24a;--released:#2b323d;--edge:#454f5e}}
        svg{background:var(--back)}
        text{fill:var(--text);font:13px system-ui,sans-serif}
        .h{font-size:18px;font-weight:600}.n{font-weight:600}.s{fill:var(--faint)}
        .a{fill:var(--faint);font:11px ui-monospace,monospace}
        .u{fill:var(--used)}.f{fill:var(--free)}.r{fill:var(--released)}.e{stroke:var(--faint)}
        g:hover>.r,g:hover>.f,g:hover>.u{stroke:var(--text);stroke-width:1}
        </style>

        """;

    internal static void Write(IReadOnlyList<HugePageUse> hugePages, string title, TextWriter output)
    {
        HugePageTotals all = HugePageTotals.Of(hugePages);
        // Some are looked at one by one, thousands for their pattern: the picture stays about as wide as a window, and is no longer than two.
        (int step, int gap) = hugePages.Count switch { <= 256 => (24, 2), <= 2048 => (13, 1), _ => (8, 1) };
        int inRow = Math.Min((PictureWidth - 2 * Margin - LabelWidth) / step, 1 << 30);
        inRow -= inRow > 32 ? inRow % 32 : inRow % 8; // so that a row begins at a round address
        int rows = (hugePages.Count + inRow - 1) / inRow;
        int height = Top + rows * step + Margin;

        output.Write(string.Create(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {PictureWidth} {height}\" width=\"{PictureWidth}\" height=\"{height}\">\n"));
        output.Write(Style);
        output.Write($"<rect width=\"100%\" height=\"100%\" fill=\"var(--back)\"/>\n<text x=\"{Margin}\" y=\"36\" class=\"h\">{SecurityElement.Escape("Heap of " + title)}</text>\n");
        output.Write($"<text x=\"{Margin}\" y=\"58\" class=\"s\">{all.Counts}; a square is one, in the order of their addresses</text>\n");
        WriteSums(all, output);
        int labelsEvery = Math.Max(1, (16 + step - 1) / step);
        for (int i = 0; i < hugePages.Count; i++)
        {
            int x = Margin + LabelWidth + i % inRow * step, y = Top + i / inRow * step;
            if (i % inRow == 0 && i / inRow % labelsEvery == 0)
            {
                output.Write($"<text x=\"{Margin}\" y=\"{y + Math.Min(step, 16) - 4}\" class=\"a\">{Address(hugePages[i].Start)}</text>\n");
            }

            WriteSquare(hugePages[i], x, y, step - gap, output);
            if (i > 0 && hugePages[i].Start != hugePages[i - 1].Start + PageMap.HugePageSize)
            {
                output.Write($"<path d=\"M{x - 1} {y}v{step - gap}\" class=\"e\"/>\n"); // addresses in between are not the heap's
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
        string Of(int pages) => ((double)pages * side / HugePageUse.Pages).ToString("0.##", CultureInfo.InvariantCulture);
        output.Write($"<g><title>{Address(one.Start)}: of 256 pages {one.Used} used, {one.Free} free, {one.Released} released</title>");
        if (one.Released > 0)
        {
            output.Write($"<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" class=\"r\"/>");
        }

        if (one.Free > 0)
        {
            output.Write($"<rect x=\"{x}\" y=\"{(y + (double)one.Released * side / HugePageUse.Pages).ToString("0.##", CultureInfo.InvariantCulture)}\" width=\"{side}\" height=\"{Of(one.Free + one.Used)}\" class=\"f\"/>");
        }

        if (one.Used > 0)
        {
            output.Write($"<rect x=\"{x}\" y=\"{(y + side - (double)one.Used * side / HugePageUse.Pages).ToString("0.##", CultureInfo.InvariantCulture)}\" width=\"{side}\" height=\"{Of(one.Used)}\" class=\"u\"/>");
        }

        output.Write("</g>\n");
    }

    private static string Address(nuint address) => "0x" + address.ToString("x", CultureInfo.InvariantCulture);
}

using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>A line of a screen, as wide at most, in colours if it has them.</summary>
internal sealed class ScreenLine(int width, bool colours)
{
    private readonly StringBuilder _text = new();
    private int _used;

    internal ScreenLine Add(string text, string colour = "")
    {
        text = text.Length <= width - _used ? text : text[..(width - _used)];
        _used += text.Length;
        _text.Append(colours && colour != "" && text != "" ? colour + text + Terminal.Plain : text);
        return this;
    }

    /// <summary>Goes on at that column, if it has not come so far.</summary>
    internal ScreenLine To(int column) => Add(new string(' ', Math.Max(0, column - _used)));

    /// <summary>All of it bright on dark, or the other way round.</summary>
    internal string Reversed() => $"\e[7m{To(width)._text}\e[27m";

    public override string ToString() => _text.ToString();
}

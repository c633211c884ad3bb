namespace NativeMalloc.Inspect;

/// <summary>Text that somebody else chose, as the name of a function or a process: a terminal is not to obey it.</summary>
internal static class Printable
{
    internal static string Of(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(letter => char.IsControl(letter) ? '?' : letter)) : text;
}

namespace NativeMalloc.Inspect;

/// <summary>What standard output leads to, and what it can show.</summary>
internal static class Terminal
{
    // Of 256 colours: two that are seen on black and on white, and tell themselves apart to all eyes.
    internal const string Blue = "\e[38;5;33m";
    internal const string Orange = "\e[38;5;208m";
    internal const string BlueOnOrange = "\e[38;5;33;48;5;208m";
    internal const string Faint = "\e[38;5;244m";
    internal const string Plain = "\e[0m";

    /// <summary>A terminal whose cursor can be moved.</summary>
    internal static bool IsScreen => !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>A terminal that knows colours, where they are wanted (no-color.org).</summary>
    internal static bool HasColours => IsScreen && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>The locale's characters are Unicode's, by the first of its variables that says anything (locale(7)).</summary>
    internal static bool HasUnicode =>
        new[] { "LC_ALL", "LC_CTYPE", "LANG" }.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => !string.IsNullOrEmpty(value)) is string locale
        && locale.Replace("-", "").Contains("utf8", StringComparison.OrdinalIgnoreCase);
}

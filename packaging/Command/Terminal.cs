namespace NativeMalloc.Inspect;

/// <summary>What standard output leads to.</summary>
internal static class Terminal
{
    /// <summary>A terminal that knows colours, where they are wanted (no-color.org).</summary>
    internal static bool HasColours =>
        !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
}

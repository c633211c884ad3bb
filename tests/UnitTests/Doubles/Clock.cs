namespace NativeMalloc;

/// <summary>The clock's double: it stands where a test puts it.</summary>
internal static class Clock
{
    internal static long Milliseconds { get; set; }
}

namespace NativeMalloc;

/// <summary>The tests make the heap themselves.</summary>
internal static class Startup
{
    internal static bool IsHeapReady => true;

    internal static bool EnsureHeap() => true;
}

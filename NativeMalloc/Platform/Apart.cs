namespace NativeMalloc;

/// <summary>
/// A static that threads write to at once, on cache lines of its own, wherever it comes to lie: else all who read its neighbours, such as
/// pointers that never change, would wait for its line.
/// </summary>
internal unsafe struct Apart<T>
    where T : unmanaged
{
    /// <summary>What a line has beside the word at one end of it.</summary>
    private const int Words = 64 / sizeof(ulong) - 1;

    private fixed ulong _before[Words];
    internal T Value;
    private fixed ulong _behind[Words];
}

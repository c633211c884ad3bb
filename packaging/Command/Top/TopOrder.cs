namespace NativeMalloc.Inspect;

/// <summary>By what the size classes are in order.</summary>
internal enum TopOrder
{
    Change,
    InUse,
    Free,
    Allocations,
    Size,
}

namespace NativeMalloc;

/// <summary>Numbers that the shim's assembly shares with C#: Shim/layout.h has the same.</summary>
internal static class ShimLayout
{
    /// <summary>Headers in a slab; at least <see cref="SizeClasses.Count"/>.</summary>
    internal const int SlabClasses = 152;
}

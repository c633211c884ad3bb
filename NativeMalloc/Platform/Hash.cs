using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>Mixes words into one of which all bits depend on all of theirs.</summary>
internal static class Hash
{
    /// <summary>An odd number without a pattern: 2^64 divided by the golden ratio. The sequence of its multiples meets all numbers.</summary>
    internal const ulong Spread = 0x9e37_79b9_7f4a_7c15;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Add(ulong hash, ulong word)
    {
        hash = (hash ^ word) * Spread;
        return hash ^ hash >> 32;
    }
}

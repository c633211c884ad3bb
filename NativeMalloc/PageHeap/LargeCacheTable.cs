using System.Threading;

namespace NativeMalloc;

/// <summary>What the <see cref="LargeCache"/> keeps.</summary>
internal unsafe struct LargeCacheTable
{
    /// <summary>The cache's sum of what is claimed counts them, too.</summary>
    internal const int Places = 8;

    /// <summary>Sizes whose returns (<see cref="Returns"/>) are counted, since another was at the same place.</summary>
    internal const int SizeBits = 5;

    /// <summary>
    /// A place holds a span's pages above its address, so that one look tells both; while it waits, only the pages. (The kernel gives
    /// addresses of 47 bits.)
    /// </summary>
    internal const int PagesShift = 48;

    internal fixed ulong Kept[Places];
    internal fixed ulong Sizes[1 << SizeBits];

    /// <summary>Bytes of the blocks.</summary>
    internal nuint Bytes
    {
        get
        {
            nuint pages = 0;
            for (int number = 0; number < Places; number++)
            {
                ulong kept = Volatile.Read(ref Kept[number]);
                pages += SpanOf(kept) != null ? PagesOf(kept) : 0;
            }

            return pages << PageMap.PageShift;
        }
    }

    internal static nuint PagesOf(ulong kept) => (nuint)(kept >> PagesShift);

    internal static Span* SpanOf(ulong kept) => (Span*)(kept & ((1UL << PagesShift) - 1));
}

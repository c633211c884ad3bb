namespace NativeMalloc;

/// <summary>How the map lies in memory: of this process, or of another that is looked at from outside.</summary>
internal static unsafe partial class PageMap
{
    internal const int PageShift = 13;
    internal const nuint PageSize = 1 << PageShift;

    internal const int HugePageShift = 21;
    internal const nuint HugePageSize = 1 << HugePageShift;

    private const int AddressBits = 47;

    /// <summary>As many as there are addresses for.</summary>
    internal const nuint MostHugePages = 1 << (AddressBits - HugePageShift);

    private const int AlignmentBits = 4;
    private const int LeafShift = 30;

    /// <summary>Addresses of a leaf.</summary>
    internal const nuint LeafBytes = 1 << LeafShift;

    private const int RootEntries = 1 << (AddressBits - LeafShift);
    private const int LeafPages = 1 << (LeafShift - PageShift);
    private const int PointersPerKernelPage = (int)KernelPage.Size / sizeof(ulong);
    private const int LeafHugePages = 1 << (LeafShift - HugePageShift);

    internal struct Root
    {
        // The leaf that stands for all that there are not: zero, and never written.
        internal Leaf NoLeaf;

        // Distances from NoLeaf.
        internal fixed ulong Leaves[RootEntries];
    }

    internal struct Leaf
    {
        internal fixed byte Classes[LeafPages];
        internal fixed ulong Spans[LeafPages];
        internal fixed ulong HugePages[LeafHugePages];

        // A pointer for each page, once there is a sample (CoverSamples); and which kernel's pages of that have been written to.
        internal ulong* Samples;
        internal fixed ulong TouchedSamples[LeafPages / PointersPerKernelPage / 64];
    }

    /// <summary>Where a root's distance is of the leaf for an address, in the root; the leaf lies as far from the root. 0: there is none.</summary>
    internal static nuint PlaceOfLeaf(nuint address)
    {
        nuint index = address >> LeafShift;
        return (nuint)sizeof(Leaf) + (index < RootEntries ? index : 0) * sizeof(ulong);
    }

    /// <summary>In the leaf, where the pointers to an address's span and to the tracker of its huge page are.</summary>
    internal static nuint PlaceOfSpan(nuint address) => SpansInLeaf + PageOf(address) * sizeof(ulong);

    internal static nuint PlaceOfHugePage(nuint address) => HugePagesInLeaf + (address >> HugePageShift) % LeafHugePages * sizeof(ulong);

    private const nuint SpansInLeaf = LeafPages;
    private const nuint HugePagesInLeaf = SpansInLeaf + LeafPages * sizeof(ulong);

    // Within its leaf.
    private static nuint PageOf(nuint address) => (address >> PageShift) % LeafPages;
}

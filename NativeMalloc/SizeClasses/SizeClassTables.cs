namespace NativeMalloc;

/// <summary>The numbers behind <see cref="SizeClasses"/>, and how they are computed.</summary>
/// <remarks>
/// ILC's interpreter, which fills the tables, can index bytes but no wider elements: a table of wider numbers is declared as
/// its bytes, and written byte by byte.
/// </remarks>
internal unsafe struct SizeClassTables
{
    /// <summary>Three tables of uint: bytes of an object, objects in a span, ceil(2^32 / bytes).</summary>
    internal fixed byte Sizes[SizeClasses.Count * sizeof(uint)];
    internal fixed byte Objects[SizeClasses.Count * sizeof(uint)];
    internal fixed byte Reciprocals[SizeClasses.Count * sizeof(uint)];

    internal fixed byte Pages[SizeClasses.Count];
    internal fixed byte Batches[SizeClasses.Count];

    // Of bytes alone the compiler would put the tables anywhere, so that some of the wider numbers lie in two cache lines.
#pragma warning disable CS0169 // never used
    private readonly ulong _aligned;
#pragma warning restore CS0169

    /// <summary>A batch is about this many bytes: half of tcmalloc's, since there are more classes to share a slab.</summary>
    private const uint BatchBytes = 32 * 1024;

    /// <summary>A span is no longer than it must be for its tail, the end that is too short for an object, to be less than 1/32 of it.</summary>
    private const uint MaxTailFraction = 32;

    internal static SizeClassTables Build()
    {
        SizeClassTables tables = default;
        for (int sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            uint size = SizeClassList.SizeOf(sizeClass);
            uint batch = BatchBytes / size;
            batch = batch < 2 ? 2 : batch > SizeClasses.MaxBatch ? SizeClasses.MaxBatch : batch;
            tables.Batches[sizeClass] = (byte)batch;

            uint pages = SpanPages(size, batch);
            tables.Pages[sizeClass] = (byte)pages;

            long bytes = size;
            long objects = pages * (uint)PageMap.PageSize / size;
            long reciprocal = ((1L << 32) + size - 1) / size;
            for (int i = 0; i < sizeof(uint); i++)
            {
                tables.Sizes[sizeClass * sizeof(uint) + i] = (byte)bytes;
                tables.Objects[sizeClass * sizeof(uint) + i] = (byte)objects;
                tables.Reciprocals[sizeClass * sizeof(uint) + i] = (byte)reciprocal;
                bytes /= 256;
                objects /= 256;
                reciprocal /= 256;
            }
        }

        return tables;
    }

    /// <summary>
    /// Pages of a span: the fewest that hold a quarter of a batch, so that it is not used up at once, and leave a short tail; never so many
    /// that its objects outnumber its bitmap. (perf/classes.c computes the same.)
    /// </summary>
    private static uint SpanPages(uint size, uint batch)
    {
        for (uint pages = 1; ; pages++)
        {
            uint bytes = pages * (uint)PageMap.PageSize;
            uint objects = bytes / size;
            if (objects > 0 && objects >= batch / 4 && bytes % size < bytes / MaxTailFraction)
            {
                return pages;
            }
        }
    }
}

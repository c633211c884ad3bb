namespace NativeMalloc;

/// <summary>The numbers behind <see cref="SizeClasses"/>, and how they are computed.</summary>
/// <remarks>
/// ILC's interpreter, which fills the tables, can index bytes but no wider elements: a table of wider numbers is declared as
/// its bytes, and written byte by byte.
/// </remarks>
internal unsafe struct SizeClassTables
{
    /// <summary>
    /// The class of a size by (size - 1) / 16, up to <see cref="SizeClasses.MaxFineSize"/>; then one place with class 0, for
    /// all that is not there: larger sizes, and size 0.
    /// </summary>
    internal const int NotFine = SizeClasses.MaxFineSize / 16;

    internal fixed byte Fine[NotFine + 1];

    /// <summary>The class of a larger size, by (size - 1) / 4096.</summary>
    internal fixed byte Coarse[SizeClasses.MaxSize / CoarseStep];

    internal const int CoarseStep = 4096;

    /// <summary>Three tables of uint: bytes of an object, objects in a span, ceil(2^32 / bytes).</summary>
    internal fixed byte Sizes[SizeClasses.Count * sizeof(uint)];
    internal fixed byte Objects[SizeClasses.Count * sizeof(uint)];
    internal fixed byte Reciprocals[SizeClasses.Count * sizeof(uint)];

    internal fixed byte Pages[SizeClasses.Count];
    internal fixed byte Batches[SizeClasses.Count];

    private const uint FirstStep = 16;
    private const uint StepsPerDoubling = 8;

    /// <summary>A batch is about this many bytes (tcmalloc's choice).</summary>
    private const uint BatchBytes = 64 * 1024;

    /// <summary>The end of a span that is too short for an object is at most 1/32 of the span.</summary>
    private const uint MaxTailFraction = 32;

    internal static SizeClassTables Build()
    {
        SizeClassTables tables = default;
        uint size = 0;
        uint step = FirstStep;
        for (int sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            // Eight steps lead from 8 * step to 16 * step; there the step doubles.
            if (size == step * StepsPerDoubling * 2)
            {
                step *= 2;
            }

            uint previous = size;
            size += step;
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

            for (uint i = previous / 16; i < size / 16 && i < NotFine; i++)
            {
                tables.Fine[i] = (byte)sizeClass;
            }

            for (uint i = previous / CoarseStep; i < size / CoarseStep; i++)
            {
                tables.Coarse[i] = (byte)sizeClass;
            }
        }

        return tables;
    }

    /// <summary>
    /// Pages of a span: the fewest that hold a quarter of a batch and leave a short tail, so that a span is neither used up
    /// at once nor wasteful; never so many that its objects outnumber its bitmap.
    /// </summary>
    private static uint SpanPages(uint size, uint batch)
    {
        uint pages = 1;
        while (true)
        {
            uint bytes = pages * (uint)PageMap.PageSize;
            uint objects = bytes / size;
            if (objects > 0 && objects >= batch / 4 && bytes % size <= bytes / MaxTailFraction)
            {
                return pages;
            }

            pages++;
        }
    }
}

using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// The sizes that small blocks come in. A block of n bytes is served from the smallest class whose size is at least n;
/// larger blocks than <see cref="MaxSize"/> get whole pages.
/// </summary>
/// <remarks>
/// Multiples of 16 up to 128 bytes (every block is aligned to 16), of 4 and of 8 KiB above 32 KiB, and between them sizes that lose the least of
/// what real programs hold, and at most 1/8 of any request (<see cref="SizeClassList"/>). Everything here is computed when the library is compiled: ILC evaluates
/// <see cref="SizeClassTables.Build"/> and stores the result.
/// </remarks>
internal static unsafe class SizeClasses
{
    /// <summary>Classes, counted with class 0, which means "not a small block".</summary>
    internal const int Count = 148;

    /// <summary>The largest small block, in bytes.</summary>
    internal const int MaxSize = 256 * 1024;

    /// <summary>Most objects of a batch, and that move between two tiers in one step where many steps follow each other.</summary>
    internal const int MaxBatch = 32;

    /// <summary>Most objects that a slab gets or gives in one step. They lie on the stack meanwhile, of which no path takes more than 2 KiB.</summary>
    internal const int MaxMove = 96;

    /// <summary>Most objects in one span: the bits of its bitmap.</summary>
    internal const int MaxObjectsPerSpan = 512;

    /// <summary>Most pages of one span: sets of them have a bit each in 32, and sets of the kernel's in 64.</summary>
    internal const int MaxPagesPerSpan = 32;

    /// <summary>Up to here sizes have classes in steps of 16 bytes.</summary>
    internal const int MaxFineSize = 32 * 1024;

    private static readonly SizeClassTables s_tables = SizeClassTables.Build();

    /// <summary>The class for a size; 0 if it is above <see cref="MaxSize"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint Of(nuint size) => size <= MaxFineSize ? OfFine(size) : OfCoarse(size);

    /// <summary>The class for a size up to <see cref="MaxFineSize"/>. It is on nearly every malloc's way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint OfFine(nuint size) => SizeClassLookup.Instance->Fine[(size + SizeClassLookup.FineStep - 1) / SizeClassLookup.FineStep];

    /// <summary>The class for a size above <see cref="MaxFineSize"/>; 0 if it has none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint OfCoarse(nuint size)
    {
        nuint place = (size + SizeClassLookup.CoarseStep - 1) / SizeClassLookup.CoarseStep; // of a size that wraps around, 0
        return SizeClassLookup.Instance->Coarse[place < SizeClassLookup.CoarsePlaces ? place : 0];
    }

    /// <summary>Bytes of an object of the class; 0 for class 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint Size(nuint sizeClass) => ((uint*)Tables->Sizes)[sizeClass];

    /// <summary>How often objects of the class come back before the caches keep any.</summary>
    internal static int ReturnsBeforeKept(nuint sizeClass) => Returns.BeforeKept(Size(sizeClass));

    /// <summary>Whether each object that is kept holds memory for itself, rather than with its neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsLarge(nuint sizeClass) => Returns.IsLarge(Size(sizeClass));

    /// <summary>What every object of the class is aligned to, up to a page: its size is a multiple of it, and spans begin on a page.</summary>
    internal static nuint Alignment(nuint sizeClass)
    {
        nuint alignment = Size(sizeClass) & (0 - Size(sizeClass));
        return alignment < PageMap.PageSize ? alignment : PageMap.PageSize;
    }

    /// <summary>Pages of a span of the class.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint PagesPerSpan(nuint sizeClass) => Tables->Pages[sizeClass];

    /// <summary>Objects in a span of the class.</summary>
    internal static int ObjectsPerSpan(nuint sizeClass) => (int)((uint*)Tables->Objects)[sizeClass];

    /// <summary>ceil(2^32 / size): an offset times this, shifted right by 32, is the object's number in its span.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Reciprocal(nuint sizeClass) => ((uint*)Tables->Reciprocals)[sizeClass];

    /// <summary>
    /// The number of the object in which a byte of a span lies. What <see cref="Reciprocal"/> is rounded up by makes one too many of some objects' last bytes;
    /// where an object begins it does not.
    /// </summary>
    internal static nuint NumberAt(nuint offset, nuint sizeClass)
    {
        nuint number = (nuint)((offset * Reciprocal(sizeClass)) >> 32);
        return number * Size(sizeClass) <= offset ? number : number - 1;
    }

    /// <summary>
    /// Objects that a slab with little room for the class gets or gives at once: 32 KiB of them, at least 2 and at most
    /// <see cref="MaxBatch"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Batch(nuint sizeClass) => Tables->Batches[sizeClass];

    /// <summary>
    /// The class for an aligned block: the smallest whose size is a multiple of the alignment, since spans begin on a page.
    /// 0 where no class serves. <paramref name="alignment"/> is a power of two.
    /// </summary>
    internal static nuint OfAligned(nuint size, nuint alignment)
    {
        if (size > MaxSize || alignment > PageMap.PageSize)
        {
            return 0;
        }

        nuint mask = alignment - 1;
        nuint sizeClass = Of((size + mask) & ~mask);
        while (sizeClass < Count && (Size(sizeClass) & mask) != 0)
        {
            sizeClass++;
        }

        return sizeClass < Count ? sizeClass : 0;
    }

    private static SizeClassTables* Tables
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (SizeClassTables*)Unsafe.AsPointer(ref Unsafe.AsRef(in s_tables));
    }
}

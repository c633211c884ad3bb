using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// How many bytes a thread allocates from one look at the clock to the next. Twice what went by since the last look, up to so many allocations of
/// the present size, while looks come close together: there a look must cost next to nothing. What allocates less often looks at each
/// allocation: it may be the only one in a period.
/// </summary>
internal static class LookDistance
{
    /// <summary>A look costs some hundred cycles: of so many allocations each has a tenth of one.</summary>
    internal const long MostAllocations = 1024;

    /// <summary>Milliseconds: a clock that the kernel's tick moves on cannot tell much less.</summary>
    internal const long Near = 10;

    /// <summary>The smallest size class: what each allocation goes by at least. And the largest: a large block's way is long anyway.</summary>
    internal const long Least = 16;
    private const long MostSize = 256 << 10;

    /// <summary>After a look by an allocation of that size, or by a free (0), so many bytes and milliseconds after the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long Next(long goneBy, long size, long since)
    {
        if ((ulong)since >= (ulong)Near || goneBy < Least) // or the clock went back
        {
            return Least;
        }

        long most = Most(size);
        return goneBy * 2 < most ? goneBy * 2 : most; // no more than an address space goes by
    }

    /// <summary>So far is far enough for allocations of that size. Also where larger ones came before: of small ones there would be many more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long Most(long size) => (size < Least ? Least : size < MostSize ? size : MostSize) * MostAllocations;

    /// <summary>
    /// What is left of a distance after a free that moved so many bytes along a slow path: less by those, but for what the next allocation goes
    /// by, and at most half of it. So who frees a heap comes to look at each allocation, however large those before were, and at some of the frees.
    /// </summary>
    internal static long AfterFree(long left, long bytes)
    {
        long less = left - bytes > Least - 1 ? left - bytes : Least - 1;
        long half = (left - 1) >> 1; // of nothing, less than nothing
        return less < half ? less : half;
    }
}

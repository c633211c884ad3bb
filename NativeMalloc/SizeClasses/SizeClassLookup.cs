using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>From a size to its class. A structure of its own, since ILC's interpreter does so much work for a type and no more.</summary>
internal unsafe struct SizeClassLookup
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

    private static readonly SizeClassLookup s_instance = Build();

    internal static SizeClassLookup* Instance
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (SizeClassLookup*)Unsafe.AsPointer(ref Unsafe.AsRef(in s_instance));
    }

    private static SizeClassLookup Build()
    {
        SizeClassLookup lookup = default;
        uint fine = 0;
        uint coarse = 0;
        for (byte sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            uint size = SizeClassList.SizeOf(sizeClass);
            for (; fine < size / 16 && fine < NotFine; fine++)
            {
                lookup.Fine[fine] = sizeClass;
            }

            for (; coarse < size / CoarseStep; coarse++)
            {
                lookup.Coarse[coarse] = sizeClass;
            }
        }

        return lookup;
    }
}

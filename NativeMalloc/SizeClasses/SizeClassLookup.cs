using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>From a size to its class. A structure of its own, since ILC's interpreter does so much work for a type and no more.</summary>
internal unsafe struct SizeClassLookup
{
    internal const int FineStep = 16;
    internal const int FinePlaces = SizeClasses.MaxFineSize / FineStep + 1;
    internal const int CoarseStep = 4096;
    internal const int CoarsePlaces = SizeClasses.MaxSize / CoarseStep + 1;

    /// <summary>The class of a size up to <see cref="SizeClasses.MaxFineSize"/>, by its sixteens, rounded up.</summary>
    internal fixed byte Fine[FinePlaces];

    /// <summary>The class of a larger size, by its pages of the kernel, rounded up; at place 0 that of sizes which have none.</summary>
    internal fixed byte Coarse[CoarsePlaces];

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
        uint coarse = 1;
        for (byte sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            uint size = SizeClassList.SizeOf(sizeClass);
            for (; fine <= size / FineStep && fine < FinePlaces; fine++)
            {
                lookup.Fine[fine] = sizeClass;
            }

            for (; coarse <= size / CoarseStep; coarse++)
            {
                lookup.Coarse[coarse] = sizeClass;
            }
        }

        return lookup;
    }
}

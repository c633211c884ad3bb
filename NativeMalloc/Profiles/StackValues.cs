namespace NativeMalloc;

/// <summary>What is known of one stack, unsampled.</summary>
internal struct StackValues
{
    internal Totals Allocated;
    internal Totals Live;
    internal Totals Peak;

    /// <summary>Bytes that cannot go back to the kernel because of its blocks.</summary>
    internal double Held;

    internal readonly Totals Of(ProfileValue value) => value switch
    {
        ProfileValue.Allocated => Allocated,
        ProfileValue.Peak => Peak,
        ProfileValue.Held => new Totals { Objects = Live.Objects, Bytes = Held },
        _ => Live,
    };

    /// <summary>As a whole number. What is less than half of one is what rounding has left of nothing.</summary>
    internal static ulong Whole(double value) => value >= 0.5 ? (ulong)(value + 0.5) : 0;
}

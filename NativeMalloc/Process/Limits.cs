namespace NativeMalloc;

/// <summary>How much memory the heap may have, as <see cref="Options"/> say, and <see cref="RelativeLimits"/> of percentages.</summary>
internal unsafe struct Limits
{
    internal const ulong None = ulong.MaxValue;

    /// <summary>In bytes; those that are percentages too, once it is known of what.</summary>
    internal ulong Limit;
    internal ulong SoftLimit;

    /// <summary>0 where there is none.</summary>
    internal uint LimitPercent;
    internal uint SoftLimitPercent;

    /// <summary>What the percentages are of, in bytes; 0 while nobody has looked.</summary>
    internal nint Of;

    /// <summary>The file that says so; empty where it is the machine's memory, null while nobody has looked.</summary>
    internal byte* Source;
}

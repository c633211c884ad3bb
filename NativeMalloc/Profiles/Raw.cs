namespace NativeMalloc;

/// <summary>Numbers of samples, as heap_v2's readers unsample them: they take each for 1/(1-e^(-size/mean)) blocks of the mean size of all; where the mean is 1, as they are.</summary>
internal struct Raw
{
    internal ulong Objects;
    internal ulong Bytes;

    internal void Add(Raw other)
    {
        Objects += other.Objects;
        Bytes += other.Bytes;
    }

    /// <summary>What becomes these totals again.</summary>
    internal static Raw Of(Totals totals, ulong mean)
    {
        double samples = SamplesOf(totals, mean);
        Raw raw = default;
        raw.Objects = StackValues.Whole(samples);
        raw.Bytes = raw.Objects != 0 ? StackValues.Whole(raw.Objects * (totals.Bytes / totals.Objects)) : 0;
        return raw;
    }

    /// <summary>The given distance, or as much less of it as makes at least one sample of these totals, if they are not nothing.</summary>
    internal static ulong LeastMean(Totals totals, ulong mean)
    {
        while (mean > 1 && IsSomething(totals) && SamplesOf(totals, mean) < 0.75)
        {
            mean /= 2;
        }

        return mean;
    }

    // Blocks of no bytes are never sampled.
    private static bool IsSomething(Totals totals) => totals.Objects >= 0.5 && totals.Bytes >= 0.5;

    private static double SamplesOf(Totals totals, ulong mean) =>
        !IsSomething(totals) ? 0
        : mean <= 1 ? totals.Objects
        : totals.Objects * Exponential.ChanceWithin(totals.Bytes / totals.Objects / mean);
}

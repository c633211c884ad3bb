namespace NativeMalloc;

/// <summary>The exponential function, as sampling needs it: there is no mathematical library.</summary>
internal static class Chance
{
    /// <summary>Where the rest is lost beside 1.</summary>
    private const double Most = 40;

    /// <summary>1 - e^-x for x of at least 0, to some 15 digits also where x is tiny: the chance that one of these bytes is a sample.</summary>
    internal static double Rising(double x)
    {
        if (x >= Most)
        {
            return 1;
        }

        int halved = 0;
        for (; x > 0.125; x /= 2)
        {
            halved++;
        }

        // Taylor's series x - x^2/2! + x^3/3! - ..., of which the twelfth term is below 10^-19 of the first.
        double series = 1;
        for (int i = 11; i > 1; i--)
        {
            series = 1 - x / i * series;
        }

        double rising = x * series;
        for (; halved > 0; halved--)
        {
            rising *= 2 - rising; // 1 - e^-2x = (1 - e^-x) (1 + e^-x)
        }

        return rising;
    }
}

using MathNet.Numerics;
using MathNet.Numerics.Statistics;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>How many times another's something is, and between what that lies: the median of the rounds' ratios, and its 95 % confidence interval.</summary>
internal sealed class Ratio
{
    private const int Resamples = 2000;

    // What the medians of rounds drawn at random from those that were measured, with repetition, came to (the bootstrap, Efron 1979).
    private readonly double[] _drawn;

    private Ratio(double value, double[] drawn)
    {
        Value = value;
        _drawn = drawn;
    }

    internal double Value { get; }

    internal double Low => _drawn.Quantile(0.025);

    internal double High => _drawn.Quantile(0.975);

    /// <summary>
    /// The ratio of two rows of values, one for each round. The two of a round were measured one after the other, so that a machine which
    /// is slower for a while was so for both: they are compared with each other, and not with those of other rounds.
    /// </summary>
    internal static Ratio Of(List<double> values, List<double> baseline)
    {
        double[] rounds = [.. values.Zip(baseline, (value, other) => value / other)];
        Random random = new(rounds.Length); // so that the same values have the same interval
        return new(rounds.Median(), Draw(() => Combinatorics.GenerateVariationWithRepetition(rounds.Length, rounds.Length, random).Select(round => rounds[round]).Median()));
    }

    /// <summary>The geometric mean.</summary>
    internal static Ratio Mean(IReadOnlyList<Ratio> ratios) =>
        new(ratios.Select(ratio => ratio.Value).GeometricMean(), [.. Enumerable.Range(0, Resamples).Select(draw => ratios.Select(ratio => ratio._drawn[draw]).GeometricMean())]);

    /// <summary>The value, and its interval if there were several rounds, with the digits that the format says.</summary>
    internal string ToString(string format) =>
        Low == High ? Format(Value, format) : $"{Format(Value, format)} ({Format(Low, format)} to {Format(High, format)})";

    private static string Format(double value, string format) => value.ToString(value < 10 ? format : "N0");

    private static double[] Draw(Func<double> draw) => [.. Enumerable.Range(0, Resamples).Select(_ => draw())];
}

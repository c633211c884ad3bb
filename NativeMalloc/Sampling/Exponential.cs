using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Bytes from one sample to the next, exponentially distributed: so that each byte is as likely to be the next sample's as any other, whatever
/// came before. And what a sample then stands for.
/// </summary>
internal static unsafe class Exponential
{
    /// <summary>With this mean each block is a sample.</summary>
    internal const ulong EachBlock = 1;

    /// <summary>So that distances, which may be many times as long, are numbers of bytes still.</summary>
    internal const ulong MostMean = 1UL << 40;

    private const double Log2 = 0.693147180559945309;

    /// <summary>At least 1. "state" is a generator of random numbers: any number will do to begin with.</summary>
    internal static long NextDistance(ref ulong state, ulong mean) =>
        mean <= EachBlock ? 1 : (long)(-Log(NextUnit(ref state)) * mean) + 1; // the next whole number above

    /// <summary>How many blocks a sample of that size stands for: one by the chance that it is a sample, which is 1 - e^(-size / mean).</summary>
    internal static double Weight(nuint size, ulong mean)
    {
        double bytes = size == 0 ? 1 : (double)(long)size;
        return mean <= EachBlock ? 1 : 1 / ChanceWithin(bytes / mean);
    }

    /// <summary>1 - e^-x, for x above 0; exact where x is small, too.</summary>
    internal static double ChanceWithin(double x)
    {
        if (x > 40)
        {
            return 1; // as far as a double can tell
        }

        // e^-x is e^-rest by powers of two, with the rest at most half of log 2.
        long halvings = (long)(x / Log2 + 0.5);
        double rest = halvings * Log2 - x;
        double sum = 1 + rest * (1.0 / 14); // without a division, which takes longer than all of these
        sum = 1 + rest * sum * (1.0 / 13);
        sum = 1 + rest * sum * (1.0 / 12);
        sum = 1 + rest * sum * (1.0 / 11);
        sum = 1 + rest * sum * (1.0 / 10);
        sum = 1 + rest * sum * (1.0 / 9);
        sum = 1 + rest * sum * (1.0 / 8);
        sum = 1 + rest * sum * (1.0 / 7);
        sum = 1 + rest * sum * (1.0 / 6);
        sum = 1 + rest * sum * (1.0 / 5);
        sum = 1 + rest * sum * (1.0 / 4);
        sum = 1 + rest * sum * (1.0 / 3);
        sum = 1 + rest * sum * (1.0 / 2);
        sum *= rest; // e^rest - 1

        double power = OfBits((ulong)(1023 - halvings) << 52);
        return 1 - power - power * sum;
    }

    /// <summary>The natural logarithm of a number above 0.</summary>
    internal static double Log(double x)
    {
        // x is a power of two by a number between about 0.7 and 1.4, whose logarithm is 2 artanh((m - 1) / (m + 1)).
        ulong bits = *(ulong*)&x;
        long exponent = (long)(bits >> 52) - 1023;
        double mantissa = OfBits(bits & (1UL << 52) - 1 | 1023UL << 52);
        if (mantissa > 1.4142135623730951)
        {
            mantissa /= 2;
            exponent++;
        }

        double ratio = (mantissa - 1) / (mantissa + 1);
        double square = ratio * ratio;
        double sum = square * (1.0 / 21) + 1.0 / 19;
        sum = sum * square + 1.0 / 17;
        sum = sum * square + 1.0 / 15;
        sum = sum * square + 1.0 / 13;
        sum = sum * square + 1.0 / 11;
        sum = sum * square + 1.0 / 9;
        sum = sum * square + 1.0 / 7;
        sum = sum * square + 1.0 / 5;
        sum = sum * square + 1.0 / 3;
        sum = sum * square + 1;
        return exponent * Log2 + 2 * ratio * sum;
    }

    /// <summary>Spreads the bits of a number over all of them (the finaliser of splitmix64).</summary>
    internal static ulong Mix(ulong value)
    {
        value = (value ^ value >> 30) * 0xbf58_476d_1ce4_e5b9;
        value = (value ^ value >> 27) * 0x94d0_49bb_1331_11eb;
        return value ^ value >> 31;
    }

    // Above 0, at most 1.
    private static double NextUnit(ref ulong state)
    {
        state += Hash.Spread;
        return (double)(long)((Mix(state) >> 11) + 1) * (1.0 / (1L << 53));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double OfBits(ulong bits) => *(double*)&bits;
}

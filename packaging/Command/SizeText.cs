using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>Numbers of bytes for people.</summary>
internal static class SizeText
{
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>In the unit that fits.</summary>
    internal static string Of(double bytes)
    {
        int unit = 0;
        for (; Math.Abs(bytes) >= 1024 && unit < s_units.Length - 1; unit++)
        {
            bytes /= 1024;
        }

        return bytes.ToString(unit == 0 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + s_units[unit];
    }
}

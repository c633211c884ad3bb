namespace NativeMalloc;

/// <summary>
/// Floating-point numbers of the library's own. The program may have asked for faults, for another rounding, or afterwards for what was inexact: it
/// is not to be told of numbers that are not its own, nor they to be rounded its way.
/// </summary>
internal static class FloatingPoint
{
    /// <summary>MXCSR as programs begin with it (System V ABI, AMD64, 3.2.3): to the nearest number, and nothing faults.</summary>
    private const uint Usual = 0x1f80;

    /// <summary>Returns what <see cref="End"/> puts back.</summary>
    internal static uint Begin() => Shim.ExchangeMxcsr(Usual);

    internal static void End(uint programs) => Shim.ExchangeMxcsr(programs);
}

using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Four times as many blocks take four times as many instructions, however much lies free between them.</summary>
public sealed class ProportionTests
{
    [Theory]
    [InlineData(5000, 1024, 2)] // half of each huge page is free
    [InlineData(2000, 8192, 2)] // runs of four huge pages
    [InlineData(2000, 8192, 1)] // one run that grows and grows
    [InlineData(2000, 8192, 50)] // and one that grows to meet others
    [InlineData(100, 200_000, 2)] // runs longer than those that have lists of their own
    public void FreeingTakesNoLongerInALargeHeap(int count, int kibibytes, int step)
    {
        double few = Instructions(count, kibibytes, step);
        double many = Instructions(4 * count, kibibytes, step);
        Assert.InRange(many / few, 2, 4.5);
    }

    // Valgrind knows no rseq, and without it each thread has its slab.
    private static double Instructions(int count, int kibibytes, int step)
    {
        string[] program = [TestProgram.Path("proportion"), .. new[] { count, kibibytes, step }.Select(number => number.ToString(CultureInfo.InvariantCulture))];
        Outcome outcome = new Command("valgrind", ["--tool=callgrind", "--callgrind-out-file=/dev/null", .. program])
            .Preloaded().With("NATIVEMALLOC_INDEX", "thread").Run().Succeeded();
        return double.Parse(Regex.Match(outcome.Error, @"Collected : (\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
    }
}

using System.Globalization;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What the kernel makes of the advice on huge pages. In which mode it does is the machine's setting.</summary>
public sealed class HugePageTests
{
    private const string ModeFile = "/sys/kernel/mm/transparent_hugepage/enabled";

    private static bool IsOff => !File.Exists(ModeFile) || File.ReadAllText(ModeFile).Contains("[never]");

    private static bool IsAlways => File.Exists(ModeFile) && File.ReadAllText(ModeFile).Contains("[always]");

    // Where the kernel makes huge pages unasked, the first has each of its bytes in one under glibc, too, and the second under this one.
    [Theory]
    [InlineData("1", "1", "3000")]
    [InlineData("600", "200", "1")]
    [InlineData("600", "2000", "1")]
    public void WhatIsHardlyTouchedIsHardlyThere(string untouched, string count, string size)
    {
        (double glibcs, _) = Measure(TestProgram.Run("hardly", untouched, count, size));
        (double ours, double huge) = Measure(TestProgram.Run("hardly", untouched, count, size).Preloaded());
        Assert.InRange(ours, 0, IsAlways ? 2100 : 1.2 * glibcs + 2);
        Assert.True(huge == 0 || IsAlways);
    }

    [Fact]
    public void OptionSaysNever()
    {
        Command command = TestProgram.Run("hardly", "600", "300", "4").Preloaded().With("NATIVEMALLOC_HUGE_PAGES", "never");
        Assert.Equal(0, Measure(command).Huge);
    }

    [Fact]
    public void OptionSaysAlways()
    {
        Command command = TestProgram.Run("hardly", "1", "50", "4").Preloaded().With("NATIVEMALLOC_HUGE_PAGES", "always");
        Assert.Equal(IsOff, Measure(command).Huge < 100);
    }

    // 256 more, if who goes through the heap went through all of the address space's table.
    [Theory]
    [InlineData("NATIVEMALLOC_HUGE_PAGES", "never")]
    [InlineData("NATIVEMALLOC_NAMES", "1")]
    public void AdviceToWhatThereIsAtTheStartCostsFewFaults(string option, string value)
    {
        int Faults(Command command) => int.Parse(command.Run().Succeeded().Output, CultureInfo.InvariantCulture);
        int before = Faults(new Command("cut", "-d ", "-f10", "/proc/self/stat").Preloaded());
        Assert.InRange(Faults(new Command("cut", "-d ", "-f10", "/proc/self/stat").Preloaded().With(option, value)), 1, before + 50);
    }

    // A kernel that cannot, before 5.14, is asked once.
    [Fact]
    public void SpansOfASmallHeapAreAskedForAtOnce()
    {
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        new Command("strace", "-f", "-e", "trace=madvise", "-o", trace, "-E", "LD_PRELOAD=" + Repository.Library, "-E", "PYTHONMALLOC=malloc",
            "/usr/bin/python3", "-c", "x = [str(i) * 5 for i in range(20000)]").Run().Succeeded();
        string[] calls = [.. File.ReadLines(trace).Where(line => line.Contains("MADV_POPULATE_WRITE"))];
        bool can = calls[0].EndsWith("= 0");
        Assert.InRange(calls.Length, can ? 20 : 1, can ? 1000 : 1);
        Assert.All(calls[1..], call => Assert.EndsWith("= 0", call));
    }

    private static (double Resident, double Huge) Measure(Command command)
    {
        string[] numbers = command.Run().Succeeded().Output.Split(' ');
        return (double.Parse(numbers[0], CultureInfo.InvariantCulture), double.Parse(numbers[1], CultureInfo.InvariantCulture));
    }
}

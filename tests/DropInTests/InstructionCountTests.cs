using System.Globalization;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What the fast paths cost, in instructions: exact, where times are noisy.</summary>
public sealed class InstructionCountTests
{
    private const double MostGrowth = 1.05;

    [Fact]
    public void NoPatternTakesMoreInstructionsThanItDid()
    {
        Dictionary<string, double> before = Read(File.ReadAllText(Path.Combine(Repository.Root, "perf", "instructions.txt")));
        Dictionary<string, double> now = Read(
            new Command(Path.Combine(Repository.Root, "perf", "instructions.sh"), Repository.NewFolder("instructions")).Run().Succeeded().Output);
        Assert.Equal(before.Keys.Order(), now.Keys.Order());
        string[] grown = [.. now.Where(pattern => pattern.Value > before[pattern.Key] * MostGrowth).Select(pattern => $"{pattern.Key}: {before[pattern.Key]}, now {pattern.Value}")];
        Assert.True(grown.Length == 0, string.Join('\n', grown) + "\nIf that is worth it: perf/instructions.sh > perf/instructions.txt");
    }

    // Lines of a pattern and its instructions.
    private static Dictionary<string, double> Read(string counts) =>
        counts.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture));
}

using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The matrix's lists agree, without its roots and kernels: these run only when they are asked for.</summary>
public sealed partial class MatrixTests
{
    [Fact]
    public void EachProgramOfTheMatrixIsCompiledForIt()
    {
        string work = Repository.NewFolder("matrix");
        Command.Shell($"""
            set -e
            tests/matrix/gather.sh '{work}'
            '{work}/compile.sh' gcc
            """).In(Repository.Root).Run().Succeeded();

        string[] named = [.. File.ReadLines(Path.Combine(Repository.Root, "tests", "matrix", "programs.txt"))
            .Where(line => !line.StartsWith('#'))
            .SelectMany(line => Program().Matches(line))
            .Select(match => match.Groups[1].Value)
            .Distinct()];
        Assert.True(named.Length > 30, $"only {named.Length} programs");
        Assert.DoesNotContain(named, name => !File.Exists(Path.Combine(work, name)));
    }

    [GeneratedRegex(@"(?<![\w.])\./([\w.-]+)")]
    private static partial Regex Program();
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The table of rules that perf/ablation.sh takes out is of today's sources.</summary>
public sealed partial class AblationTests
{
    public static TheoryData<string> Rules() => [.. Read().Select(change => change.Rule).Distinct()];

    [Theory]
    [MemberData(nameof(Rules))]
    public void WhatARuleChangesIsThereOnce(string rule)
    {
        foreach ((_, string file, string from, string to) in Read().Where(change => change.Rule == rule))
        {
            Assert.True(File.ReadAllText(Repository.At(file)).Split(from).Length == 2, $"{file} has not once: {from}");
            Assert.NotEqual(from, to);
        }
    }

    // What decides how much is kept stands where an operator can read of it.
    [Fact]
    public void EveryNumberOfAPolicyIsInTheDocument()
    {
        string document = File.ReadAllText(Repository.At("docs/tuning.md"));
        string[] numbers = [.. Directory.GetFiles(Repository.At("NativeMalloc/Policies"), "*.cs").SelectMany(File.ReadLines)
            .Select(line => Number().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value)];
        Assert.NotEmpty(numbers);
        Assert.All(numbers, number => Assert.Contains('`' + number + '`', document));
    }

    [GeneratedRegex(@"const \w+ (\w+) = ")]
    private static partial Regex Number();

    // Each change: of which rule, in which file, what and by what.
    private static List<(string Rule, string File, string From, string To)> Read()
    {
        List<(string Rule, string File, string From, string To)> changes = [];
        string rule = null, file = null, from = null;
        foreach (string line in File.ReadLines(Repository.At("perf/ablation.txt")).Where(line => line.Length > 0 && line[0] != '#'))
        {
            switch (line[..2])
            {
                case "@ ":
                    file = line[2..];
                    break;
                case "< ":
                    from = line[2..];
                    break;
                case "> ":
                    changes.Add((rule, file, from, line[2..]));
                    break;
                default:
                    rule = line[..line.IndexOf(':', StringComparison.Ordinal)];
                    break;
            }
        }

        return changes;
    }
}

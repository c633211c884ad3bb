using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace NativeMalloc.UnitTests;

/// <summary>What a program was recorded to want of memory: when it had how many bytes in small blocks and in large ones (perf/demand.c).</summary>
internal static class Demand
{
    internal readonly record struct Sample(long Milliseconds, long SmallBytes, long LargeBytes);

    internal static IReadOnlyList<string> Names { get; } =
        [.. Directory.GetFiles(Folder, "*.txt").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal)];

    private static string Folder => Repository.At("tests/UnitTests/Policies/Demand");

    internal static IReadOnlyList<Sample> Of(string name) =>
        [.. File.ReadLines(Path.Combine(Folder, name + ".txt")).Where(line => line[0] != '#').Select(line => line.Split(' ').Select(long.Parse).ToArray())
            .Select(numbers => new Sample(numbers[0], numbers[1] << 10, numbers[2] << 10))];
}

namespace NativeMalloc.Benchmarks.Programs;

/// <summary>A whole program to be run under each allocator.</summary>
/// <param name="Name">As it appears in the report.</param>
/// <param name="Command">
/// A command line for bash, with the repository as the working folder, whose last line on standard error begins with "SECONDS MIB". The variable PRELOAD names
/// the allocator's library.
/// </param>
/// <param name="Quick">Whether it is among those of a run in a hurry.</param>
internal sealed record WholeProgram(string Name, string Command, bool Quick)
{
    private const string List = "perf/programs.txt";

    /// <summary>All: those of the list that perf/sampling.sh reads, too, then servers.</summary>
    internal static IReadOnlyList<WholeProgram> All { get; } =
    [
        .. File.ReadLines(List).Where(line => line.Length > 0 && line[0] != '#').Select(Measured),
        Server("redis"),
        Server("nginx"),
        Server("postgres"),
    ];

    private static WholeProgram Measured(string line)
    {
        string[] parts = line.Split(": ", 2);
        return new(parts[0].TrimStart('*'), $"out/perf/measure \"$PRELOAD\" {parts[1]}", Quick: parts[0].StartsWith('*'));
    }

    private static WholeProgram Server(string name) => new(name, $"perf/servers/run.sh {name}", Quick: false);
}

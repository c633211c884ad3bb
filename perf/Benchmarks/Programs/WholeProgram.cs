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
    private const string Lines = "out/perf/lines";

    /// <summary>All; those of our own (perf/programs) after the literature first, then real ones with perf/inputs, then servers.</summary>
    internal static IReadOnlyList<WholeProgram> All { get; } =
    [
        Measured("minimise", "out/perf/minimise 12 8", quick: true),
        Measured("factor", "out/perf/factor 22", quick: true),
        Measured("larson", "out/perf/larson", quick: true),
        Measured("crowd", "out/perf/crowd"),
        Measured("asymmetric", "out/perf/asymmetric"),
        Measured("thrash", "out/perf/sharing thrash"),
        Measured("scratch", "out/perf/sharing scratch"),
        Measured("sizes", "out/perf/sizes", quick: true),
        Measured("wordcount", "out/perf/wordcount 4 1000000"),
        Measured("python3, nothing", "python3 -c pass"),
        Measured("python3, JSON", "python3 perf/inputs/rows.py", quick: true),
        Measured("perl, hash of lists", $"perl perf/inputs/words.pl {Lines}"),
        Measured("lua, tables", "lua5.4 perf/inputs/tables.lua"),
        Measured("sqlite3, in memory", "sqlite3 :memory: '.read perf/inputs/words.sql'", quick: true),
        Measured("g++, templates", "g++ -O1 -std=c++17 -S -o /dev/null perf/inputs/heavy.cpp"),
        Measured("sort", $"sort --parallel=2 -S 200M {Lines}"),
        Measured("xz -T2", $"xz -T2 -2 --stdout {Lines}"),
        Server("redis"),
        Server("nginx"),
        Server("postgres"),
    ];

    private static WholeProgram Measured(string name, string command, bool quick = false) => new(name, $"out/perf/measure \"$PRELOAD\" {command}", quick);

    private static WholeProgram Server(string name) => new(name, $"perf/servers/run.sh {name}", false);
}

namespace NativeMalloc.Benchmarks.Where;

/// <summary>A program of make perf, or one of its loops, with an input that an emulator of the processor gets through.</summary>
/// <param name="Name">As it appears in the report.</param>
/// <param name="Command">For bash, with the repository as the working folder; $PRELOAD is what to run it with, valgrind for instance.</param>
/// <param name="Quick">The same for a run in a hurry, which leaves those out that have none.</param>
internal sealed record CountedProgram(string Name, string Command, string? Quick = null)
{
    private const string SomeLines = "out/perf/lines.some", FewLines = "out/perf/lines.few";

    internal static IReadOnlyList<CountedProgram> All { get; } =
    [
        new("minimise", "out/perf/minimise 11 6", "out/perf/minimise 10 4"),
        new("factor", "out/perf/factor 18"),
        new("larson", "out/perf/larson 4 1000 50", "out/perf/larson 4 1000 20"),
        new("crowd", "out/perf/crowd 4000000"),
        new("asymmetric", "out/perf/asymmetric 2 1000"),
        new("thrash", "out/perf/sharing thrash 2 4000"),
        new("scratch", "out/perf/sharing scratch 2 4000"),
        new("sizes", "out/perf/sizes 1000000", "out/perf/sizes 300000"),
        new("wordcount", "out/perf/wordcount 4 500000", "out/perf/wordcount 4 200000"),
        new("python3, nothing", "python3 -c pass"),
        new("python3, JSON", "python3 perf/inputs/rows.py 10000"),
        new("perl, hash of lists", $"perl perf/inputs/words.pl {SomeLines}", $"perl perf/inputs/words.pl {FewLines}"),
        new("lua, tables", "lua5.4 perf/inputs/tables.lua 50000"),
        new("sqlite3, in memory", "sqlite3 :memory: '.read perf/inputs/words.sql'"),
        new("g++, templates", "g++ -std=c++17 -fsyntax-only -include map -include regex -x c++ /dev/null"),
        new("sort", $"sort --parallel=2 -S 200M {SomeLines}"),
        new("xz -T2", $"xz -T2 -2 --block-size=300KiB --stdout {FewLines}"),
        new("batches of 200,000", "out/perf/cycles batches 5 64 200000 600000"),
        new("100,000 freed at random", "out/perf/cycles scattered 5 32 100000 300000"),
        new("20,000 mixed blocks", "out/perf/cycles mixed 5 20000 32768 300000"),
    ];
}

using System.Text.Json;
using NativeMalloc.Benchmarks.Report;

namespace NativeMalloc.Benchmarks.Where;

/// <summary>Finds out where the time of whole programs goes; perf/where.sh runs it.</summary>
internal static class WhereCommand
{
    private const string CountsOnly = "counts", TimesOnly = "times";

    internal static void Run(Options options)
    {
        string folder = Directory.CreateDirectory(Path.GetFullPath(options.Quick ? "out/perf/where/quick" : "out/perf/where")).FullName;
        string results = Path.Combine(folder, "counts.json"), report = options.Quick ? Path.Combine(folder, "where.md") : Path.GetFullPath("perf/where.md");
        if (options.Only == TimesOnly && !File.Exists(results))
        {
            throw new InvalidOperationException($"times go with counts, and there are none: {results}");
        }

        WhereRun? last = File.Exists(results) ? JsonSerializer.Deserialize<WhereRun>(File.ReadAllText(results)) : null;
        if (!options.ReportOnly)
        {
            last = Measure(options, folder, last);
            File.WriteAllText(results, JsonSerializer.Serialize(last));
        }

        WhereWriter.Write(last ?? throw new InvalidOperationException($"there is no last run in {results}"), report);
        Console.WriteLine($"written: {report}");
    }

    // What is not counted or timed now stays as it was in the last run.
    private static WhereRun Measure(Options options, string folder, WhereRun? last)
    {
        string[] names = [.. options.Programs];
        CountedProgram[] programs = [.. CountedProgram.All.Where(program => names.Length == 0 ? !options.Quick || program.Quick != null : names.Contains(program.Name))];
        Allocator[] allocators = [.. Allocator.Installed.Where(allocator => allocator.Kind is AllocatorKind.Baseline or AllocatorKind.Ours or AllocatorKind.Peer)];
        bool count = options.Only != TimesOnly, time = options.Only != CountsOnly;
        List<Counts> all = last?.Counts ?? [];
        (CountedProgram Program, Allocator Allocator, Counts Counts)[] runs =
            [.. programs.SelectMany(program => allocators.Select(allocator => (program, allocator, CountsOf(program.Name, allocator.Name))))];
        string today = DateTime.UtcNow.ToString("yyyy-MM-dd"), machine = Machine.Describe();
        foreach ((_, _, Counts counts) in runs)
        {
            counts.Failures.Clear();
        }

        if (count)
        {
            WhereRunner.Count(runs, options.Quick, folder);
        }

        Costs costs = time || last == null ? Costs.Measure() : last.Costs;
        int rounds = options.Rounds ?? (options.Quick ? 5 : 10);
        if (time)
        {
            WhereRunner.Time(runs, options.Quick, rounds);
        }

        Counts[] ordered = [.. CountedProgram.All.SelectMany(program => all.Where(counts => counts.Program == program.Name))];
        string command = options.Quick ? "perf/where.sh --quick" : "perf/where.sh";
        return new(count || last == null ? today : last.Date, count || last == null ? machine : last.Machine, command, costs, [.. ordered])
        {
            Times = time ? $"Times of {rounds} rounds in which all allocators take turns, {today}{(count ? "" : $": {machine}")}." : last?.Times ?? "",
        };

        Counts CountsOf(string program, string allocator)
        {
            Counts? counts = all.Find(counts => counts.Program == program && counts.Allocator == allocator);
            if (counts == null)
            {
                all.Add(counts = new Counts(program, allocator));
            }

            return counts;
        }
    }
}

using System.Globalization;
using MathNet.Numerics.Statistics;
using NativeMalloc.Benchmarks.Report;

namespace NativeMalloc.Benchmarks.Where;

/// <summary>All that was counted and measured, where and when.</summary>
internal sealed record WhereRun(string Date, string Machine, string Command, Costs Costs, List<Counts> Counts)
{
    /// <summary>When and where the times were taken, which may be another day; empty if they were not.</summary>
    public string Times { get; set; } = "";
}

/// <summary>Writes where.md.</summary>
internal static class WhereWriter
{
    internal static void Write(WhereRun run, string file)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using StreamWriter report = new(file);
        report.WriteLine("# Where the time goes");
        report.WriteLine();
        report.WriteLine($"Made by `{run.Command}` on {run.Date}: {run.Machine}. {run.Times}");
        report.WriteLine();
        WriteExplanation(report, run.Costs);
        var programs = run.Counts.GroupBy(counts => counts.Program).ToList();
        WriteDifferences(report, run.Costs, programs);
        foreach (var program in programs)
        {
            WriteProgram(report, program.Key, [.. program]);
        }
    }

    private static void WriteExplanation(StreamWriter report, Costs costs) => report.WriteLine($$"""
        ## How to read it

        Instructions and misses are counted by valgrind's callgrind, in an emulated processor with 48 KiB of first-level cache for data and 1 MiB of second-level
        cache. "Allocator" is its library (of glibc, `malloc.c` and `arena.c`), with C++'s `operator new` and `delete` and all that these call: clearing, copying,
        locks, system calls up to the kernel. "Rest" is the program; it executes the same whatever the allocator. Of a block that is in no cache whoever touches it first has
        the miss: an allocator that keeps links in free blocks has it itself, one that does not leaves it to the program, so that only the sum tells. That processor
        does not look ahead and knows no second core: what is walked in order counts as missed, though a real one has fetched it, and what threads take from each other's
        caches does not count at all. It runs one thread at a time, in turns of 100,000 blocks of code: threads seldom meet at a lock and never wait for a
        cache line, so what contention costs is in "not explained". Valgrind has no rseq: NativeMalloc ran with caches per thread there, of which a program of many
        threads has more than of CPUs. Scudo does not run under this valgrind.

        Locked: instructions that lock a cache line (each lock taken is one, some are two), in the allocator's library and the C library. System calls: counted by strace, under which
        threads meet otherwise than without it. Faults, waits (voluntary context switches) and peaks are medians of runs as they are.

        What each costs here, by `perf/costs.c`, in nanoseconds of a processor: an instruction {{costs.Instruction:N3}} (a third of a cycle), a miss of the first-level cache
        {{costs.First:N1}}, one of the second-level cache {{costs.Second:N1}} more, a locked instruction {{costs.Locked:N1}}, a fault {{costs.Fault:N0}} (a page that is
        populated with others {{costs.Populated:N0}}, one that comes as a part of a huge page {{costs.PartOfHuge:N0}}), a system call {{costs.Call:N0}}
        (what it does in the kernel comes on top), a wait and its end {{costs.Wait:N0}}. Each miss has its whole time, as if it had to be waited for, so misses are a
        bound from above. What the processor's translation caches miss is not counted: heaps on huge pages miss them less.

        """);

    // Of the fastest of the others: by the processors' time where that was taken, else by what the counts come to.
    private static void WriteDifferences(StreamWriter report, Costs costs, List<IGrouping<string, Counts>> programs)
    {
        report.WriteLine("## NativeMalloc beside the fastest of the others");
        report.WriteLine();
        report.WriteLine("The processors' time (of all threads) of NativeMalloc as a share of that other's, with its 95 % confidence interval; what the counts come to; and, in percent of the");
        report.WriteLine("other's time, what each part makes of the difference: above zero NativeMalloc takes more. The last is what the counts do not explain.");
        report.WriteLine();
        report.WriteLine($"| | the fastest other | time | by the clock | by the counts | {string.Join(" | ", Parts.Names)} | not explained |");
        report.WriteLine($"|---|---|---|---|---|{string.Concat(Parts.Names.Select(_ => "---|"))}---|");
        foreach (var program in programs)
        {
            Counts? ours = program.FirstOrDefault(counts => counts.Allocator == Allocator.OursName);
            Counts? best = program.Where(counts => counts != ours && counts.Emulated != null && counts.Failures.Count == 0).MinBy(counts => TimeOf(counts, costs));
            if (ours == null || best == null || costs.Of(ours) is not { } own || costs.Of(best) is not { } other)
            {
                continue;
            }

            bool timed = ours.ProcessorSeconds.Count > 0 && best.ProcessorSeconds.Count > 0;
            Ratio? time = timed ? Ratio.Of(ours.ProcessorSeconds, best.ProcessorSeconds) : null, clock = timed ? Ratio.Of(ours.Seconds, best.Seconds) : null;
            double whole = TimeOf(best, costs);
            double[] parts = [.. own.All.Zip(other.All, (left, right) => (left - right) / whole)];
            string rest = time == null ? "" : Percent(time.Value - 1 - parts.Sum());
            report.WriteLine($"| {program.Key} | {best.Allocator} | {time?.ToString("N2")} | {clock?.ToString("N2")} | {1 + parts.Sum():N2} | {string.Join(" | ", parts.Select(Percent))} | {rest} |");
        }

        report.WriteLine();
    }

    private static double TimeOf(Counts counts, Costs costs) => counts.ProcessorSeconds.Count > 0 ? counts.ProcessorSeconds.Median() : costs.Of(counts)!.Value.Sum;

    private static string Percent(double share) => Math.Abs(share) < 0.0005 ? "0" : (share * 100).ToString("+0.0;-0.0");

    private static void WriteProgram(StreamWriter report, string name, Counts[] all)
    {
        report.WriteLine($"## {name}");
        report.WriteLine();
        report.WriteLine("| | instructions, millions: allocator | rest | first-level misses, thousands: allocator | rest | second-level: allocator | rest | locked, thousands | faults | system calls | waits | peak, MiB | processors' ms |");
        report.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (Counts counts in all)
        {
            string emulated = counts.Emulated is { } found
                ? $"{found.Allocator.Instructions / 1e6:N1} | {found.Rest.Instructions / 1e6:N1} | {found.Allocator.FirstMisses / 1e3:N0} | {found.Rest.FirstMisses / 1e3:N0} | "
                    + $"{found.Allocator.SecondMisses / 1e3:N0} | {found.Rest.SecondMisses / 1e3:N0} | {found.Locked / 1e3:N0}"
                : "does not run | | | | | |";
            report.WriteLine($"| {counts.Allocator} | {emulated} | {Median(counts.Faults, "N0")} | {counts.SystemCalls.Values.Sum():N0} | {Median(counts.Waits, "N0")} | "
                + $"{Median(counts.Mebibytes, "N1")} | {Median([.. counts.ProcessorSeconds.Select(seconds => seconds * 1000)], "N0")} |");
        }

        report.WriteLine();
        foreach (Counts counts in all.Where(counts => counts.SystemCalls.Count > 0))
        {
            var calls = counts.SystemCalls.OrderByDescending(call => call.Value).Take(6).Select(call => $"{call.Key} {call.Value:N0}");
            report.WriteLine($"* System calls, {counts.Allocator}: {string.Join(", ", calls)}.");
        }

        report.WriteLine();
        report.WriteLine("The allocators' own functions, in millions of instructions (and thousands of misses of the first, and of the second level):");
        report.WriteLine();
        foreach (Counts counts in all.Where(counts => counts.Emulated != null))
        {
            var functions = counts.Emulated!.Functions.Where(function => function.Value.Instructions * 50 > counts.Emulated.Allocator.Instructions).Take(8)
                .Select(function => $"{Shortened(function.Key)} {function.Value.Instructions / 1e6:N1} ({function.Value.FirstMisses / 1e3:N0} / {function.Value.SecondMisses / 1e3:N0})");
            report.WriteLine($"* {counts.Allocator}: {string.Join(", ", functions)}.");
        }

        report.WriteLine();
        string[] failures = [.. all.SelectMany(counts => counts.Failures.Select(failure => $"* {counts.Allocator}: {failure}"))];
        if (failures.Length > 0)
        {
            report.WriteLine("Failures:\n\n" + string.Join('\n', failures) + "\n");
        }
    }

    private static string Median(List<double> values, string format) => values.Count == 0 ? "" : values.Median().ToString(format);

    // The compiler of our C# puts the namespace before each name.
    private static string Shortened(string function) => $"`{function.Replace("NativeMalloc_NativeMalloc_", "").Replace('|', ' ')}`";
}

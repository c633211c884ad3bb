using System.Globalization;

namespace NativeMalloc.Benchmarks.Where;

/// <summary>Runs the programs: in an emulated processor, with their system calls counted, and as they are.</summary>
internal static class WhereRunner
{
    /// <summary>What can be counted, whatever else the machine does: as many at once as there are processors.</summary>
    internal static void Count(IReadOnlyList<(CountedProgram Program, Allocator Allocator, Counts Counts)> runs, bool quick, string folder)
    {
        Progress progress = new(runs.Count);
        Parallel.ForEach(runs, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, run =>
        {
            string command = CommandOf(run.Program, quick) + " > /dev/null", own = Path.Combine(folder, $"{runs.ToList().IndexOf(run)}");
            Emulated? emulated = Callgrind.Run(command, run.Allocator, own);
            int code = Shell.Run($"strace -f -qq -c -U calls,name -E LD_PRELOAD={run.Allocator.Preload} -o {own}.calls {command}", out string output);
            lock (progress)
            {
                run.Counts.Emulated = emulated;
                run.Counts.SystemCalls = code == 0 ? SystemCalls(own + ".calls") : [];
                if (code != 0)
                {
                    run.Counts.Failures.Add($"under strace: {output.Trim()}");
                }

                progress.Step($"{run.Program.Name}, {run.Allocator.Name}: {emulated?.Allocator.Instructions:N0} of {emulated?.Rest.Instructions + emulated?.Allocator.Instructions:N0} instructions");
            }
        });
    }

    /// <summary>Times, which need a machine that does nothing else; and faults, waits and peaks with them.</summary>
    internal static void Time(IReadOnlyList<(CountedProgram Program, Allocator Allocator, Counts Counts)> runs, bool quick, int rounds)
    {
        Progress progress = new(runs.Count * rounds);
        foreach (var program in runs.GroupBy(run => run.Program))
        {
            foreach (Counts counts in program.Select(run => run.Counts))
            {
                counts.Seconds.Clear();
                counts.ProcessorSeconds.Clear();
                counts.Mebibytes.Clear();
                counts.Faults.Clear();
                counts.Waits.Clear();
            }

            for (int round = 0; round < rounds; round++)
            {
                foreach (var run in round % 2 == 0 ? program : program.Reverse())
                {
                    int code = Shell.Run($"out/perf/measure '{run.Allocator.Preload}' {CommandOf(run.Program, quick)} > /dev/null", out string output);
                    string last = output.Trim().Split('\n')[^1];
                    progress.Step($"{run.Program.Name}, {run.Allocator.Name}: {last}");
                    if (code != 0)
                    {
                        run.Counts.Failures.Add(last);
                        continue;
                    }

                    double[] values = [.. last.Split(' ').Select(value => double.Parse(value, CultureInfo.InvariantCulture))];
                    run.Counts.Seconds.Add(values[0]);
                    run.Counts.Mebibytes.Add(values[1]);
                    run.Counts.ProcessorSeconds.Add(values[2]);
                    run.Counts.Waits.Add(values[3]);
                    run.Counts.Faults.Add(values[4]);
                }
            }
        }
    }

    private static string CommandOf(CountedProgram program, bool quick) => quick ? program.Quick! : program.Command;

    // Lines of "CALLS NAME" below a rule; the last is their sum.
    private static Dictionary<string, long> SystemCalls(string file) =>
        File.ReadLines(file).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length == 2 && words[1] != "total" && long.TryParse(words[0], out _)).ToDictionary(words => words[1], words => long.Parse(words[0]));
}

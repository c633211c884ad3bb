using System.Text.Json;
using CommandLine;
using NativeMalloc.Benchmarks;
using NativeMalloc.Benchmarks.Micro;
using NativeMalloc.Benchmarks.Programs;
using NativeMalloc.Benchmarks.Report;
using NativeMalloc.Benchmarks.Where;

// Run by perf/run.sh and perf/where.sh, with the repository as the working folder.
return Parser.Default.ParseArguments<Options>(args).MapResult(
    options =>
    {
        if (options.Timelines != null)
        {
            Timelines.Draw("A .NET service under bursts of load", options.Timelines, Path.GetFullPath(options.Picture));
            Console.WriteLine($"written: {options.Picture}");
            return 0;
        }

        if (options.Where)
        {
            WhereCommand.Run(options);
            return 0;
        }

        string work = Directory.CreateDirectory(options.Quick ? "out/perf/quick" : "out/perf/full").FullName;
        string results = Path.Combine(work, "measurements.json");
        if (!options.ReportOnly)
        {
            File.WriteAllText(results, JsonSerializer.Serialize(Measure(options, work, results)));
        }

        string folder = options.Quick ? work : Path.GetFullPath("perf");
        ReportWriter.Write(JsonSerializer.Deserialize<Run>(File.ReadAllText(results))!, folder);
        Console.WriteLine($"written: {Path.Combine(folder, "report.md")}");
        return 0;
    },
    errors => errors.IsHelp() ? 0 : 2);

static Run Measure(Options options, string work, string results)
{
    int rounds = options.Rounds ?? (options.Quick ? 1 : 5);
    int programRounds = options.Rounds ?? (options.Quick ? 3 : 10);
    List<Measurement> measurements = [];
    if (options.Only != null && File.Exists(results))
    {
        measurements.AddRange(JsonSerializer.Deserialize<Run>(File.ReadAllText(results))!.Measurements.Where(measurement => measurement.Group != options.Only));
    }

    if (options.Only is null or Measurement.MicroGroup)
    {
        Environment.SetEnvironmentVariable(Microbenchmarks.QuickVariable, options.Quick ? "1" : null);
        measurements.AddRange(MicroRunner.Run(Allocator.Installed, rounds, work));
    }

    if (options.Only is null or Measurement.ProgramGroup)
    {
        Allocator[] allocators = [.. Allocator.Installed.Where(allocator => allocator.Kind is AllocatorKind.Baseline or AllocatorKind.Ours or AllocatorKind.Peer)];
        measurements.AddRange(ProgramRunner.Run([.. WholeProgram.All.Where(program => program.Quick || !options.Quick)], allocators, programRounds));
    }

    string command = options.Quick ? "make perf QUICK=1" : "make perf";
    return new Run(DateTime.UtcNow.ToString("yyyy-MM-dd"), Machine.Describe(), command, rounds, programRounds, measurements);
}

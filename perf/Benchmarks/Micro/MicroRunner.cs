using System.Collections.Immutable;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.EventProcessors;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Order;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Perfolizer.Horology;

namespace NativeMalloc.Benchmarks.Micro;

/// <summary>Runs the microbenchmarks, one job for each allocator, in rounds.</summary>
internal static class MicroRunner
{
    /// <summary>Measures every pattern under every allocator, round after round.</summary>
    internal static List<Measurement> Run(IReadOnlyList<Allocator> allocators, int rounds, string folder)
    {
        using StreamWriter log = new(Path.Combine(folder, "benchmarkdotnet.log"));
        Dictionary<(string, string), Measurement> measured = [];
        string[] patterns = [];
        Counter counter = new(rounds);
        for (int round = 0; round < rounds; round++)
        {
            ManualConfig config = ManualConfig.CreateEmpty()
                .AddJob([.. allocators.Select(JobOf)])
                .AddLogger(new StreamLogger(log))
                .AddColumnProvider(BenchmarkDotNet.Columns.DefaultColumnProviders.Instance)
                .AddEventProcessor(counter)
                .WithOrderer(new Alternating(round))
                .WithArtifactsPath(folder)
                .WithOptions(ConfigOptions.DisableLogFile);
            Summary summary = BenchmarkRunner.Run<Microbenchmarks>(config);
            foreach (string error in summary.ValidationErrors.Where(error => error.IsCritical).Select(error => error.Message))
            {
                throw new InvalidOperationException($"BenchmarkDotNet refuses to run: {error}");
            }

            if (summary.Reports.Length < summary.BenchmarksCases.Length)
            {
                throw new InvalidOperationException(
                    $"BenchmarkDotNet ran {summary.Reports.Length} of {summary.BenchmarksCases.Length} benchmarks; see {Path.GetRelativePath(".", Path.Combine(folder, "benchmarkdotnet.log"))}");
            }

            patterns = [.. summary.BenchmarksCases.OrderBy(benchmark => benchmark.Descriptor.MethodIndex).Select(NameOf).Distinct()];
            foreach (BenchmarkReport report in summary.Reports)
            {
                string name = NameOf(report.BenchmarkCase);
                string allocator = allocators.Single(allocator => IdOf(allocator) == report.BenchmarkCase.Job.Id).Name;
                if (!measured.TryGetValue((name, allocator), out Measurement? measurement))
                {
                    measured[(name, allocator)] = measurement = new(Measurement.MicroGroup, name, allocator, [], [], []);
                }

                if (report.ResultStatistics is { } statistics)
                {
                    measurement.Times.Add(statistics.Median);
                }
                else
                {
                    measurement.Failures.Add($"no result; see {Path.GetRelativePath(".", Path.Combine(folder, "benchmarkdotnet.log"))}");
                }
            }
        }

        return [.. measured.Values.OrderBy(measurement => Array.IndexOf(patterns, measurement.Name))];
    }

    // Short iterations and many rounds: what disturbs a shared machine lasts longer than an iteration.
    private static Job JobOf(Allocator allocator)
    {
        Job job = Job.Default.WithId(IdOf(allocator))
            .WithStrategy(RunStrategy.Throughput)
            .WithEvaluateOverhead(false)
            .WithMinInvokeCount(1)
            .WithUnrollFactor(1)
            .WithIterationTime(TimeInterval.FromMilliseconds(60))
            .WithWarmupCount(1)
            .WithIterationCount(5)
            .WithEnvironmentVariables([.. allocator.Environment.Select(variable => new EnvironmentVariable(variable.Name, variable.Value))]);
        return allocator.Kind == AllocatorKind.Baseline ? job.AsBaseline() : job;
    }

    // BenchmarkDotNet builds in a folder that is called after a job, and MSBuild takes a comma for the end of its name.
    private static string IdOf(Allocator allocator) => allocator.Name.Replace(",", "");

    private static string NameOf(BenchmarkCase benchmark)
    {
        IEnumerable<string> arguments = benchmark.Parameters.Items.Select(item => $"{item.Name} {Amount((long)item.Value)}");
        return string.Join(", ", arguments.Prepend(benchmark.Descriptor.WorkloadMethodDisplayInfo.Trim('\'')));
    }

    private static string Amount(long value) => value switch
    {
        >= 1 << 20 when value % (1 << 20) == 0 => $"{value >> 20} Mi",
        >= 1 << 10 when value % (1 << 10) == 0 => $"{value >> 10} Ki",
        _ => value.ToString("N0"),
    };

    /// <summary>All allocators take their turn at a pattern before the next pattern comes; in every other round in the opposite order.</summary>
    private sealed class Alternating(int round) : DefaultOrderer
    {
        public override IEnumerable<BenchmarkCase> GetExecutionOrder(ImmutableArray<BenchmarkCase> benchmarks, IEnumerable<BenchmarkLogicalGroupRule>? order = null) =>
            benchmarks.GroupBy(NameOf).SelectMany(turns => round % 2 == 0 ? turns : turns.Reverse());
    }

    private sealed class Counter(int rounds) : EventProcessor
    {
        private Progress? _progress;

        public override void OnStartRunBenchmarksInType(Type type, IReadOnlyList<BenchmarkCase> benchmarks) =>
            _progress ??= new Progress(benchmarks.Count * rounds);

        public override void OnEndRunBenchmark(BenchmarkCase benchmark, BenchmarkReport report) =>
            _progress!.Step($"{NameOf(benchmark)}, {benchmark.Job.Id}: {(report.ResultStatistics is { } statistics ? $"{statistics.Median:N1} ns" : "failed")}");
    }
}

using BenchmarkDotNet.Attributes;

namespace NativeMalloc.Benchmarks.Micro;

/// <summary>
/// What a call costs, pattern by pattern. Each method names its pattern; an argument named size, largest or alignment is in bytes. A run in
/// a hurry (<see cref="QuickVariable"/>) takes some of the arguments only.
/// </summary>
public class Microbenchmarks
{
    /// <summary>Set for a run in a hurry.</summary>
    internal const string QuickVariable = "PERF_QUICK";

    private const long KiB = 1024;
    private const long MiB = 1024 * KiB;

    private const int Many = 96_000;
    private const int Some = 6_400;
    private const int Few = 64;

    public static IEnumerable<long> SmallSizes => Pick<long>([16, 64, 512, 4 * KiB, 32 * KiB], [64]);

    public static IEnumerable<long> LargeSizes => Pick<long>([200 * KiB, MiB, 4 * MiB, 16 * MiB], [MiB]);

    public static IEnumerable<object[]> Batches => Pick<object[]>([[64L, 100L], [64L, 10_000L], [64L, 200_000L], [64 * KiB, 100L]], [[64L, 10_000L]]);

    public static IEnumerable<object[]> ScatteredBatches => Pick<object[]>([[32L, 100_000L]], []);

    public static IEnumerable<object[]> Heaps => Pick<object[]>([[3_000L, 4 * KiB], [20_000L, 32 * KiB]], [[3_000L, 4 * KiB]]);

    public static IEnumerable<long> ZeroedSizes => Pick<long>([64, 4 * KiB, 100 * KiB, MiB], [64]);

    public static IEnumerable<object[]> Growing => Pick<object[]>([[4 * KiB, 0L], [8 * MiB, 50L]], [[8 * MiB, 50L]]);

    public static IEnumerable<object[]> Alignments => Pick<object[]>([[64L, 100L], [4 * KiB, 4 * KiB]], []);

    public static IEnumerable<long> ExchangedSizes => Pick<long>([512, 32 * KiB], [32 * KiB]);

    public static IEnumerable<long> Crowds => Pick<long>([2, 64, 200], [64]);

    [Benchmark(Description = "malloc, free", OperationsPerInvoke = Many)]
    [ArgumentsSource(nameof(SmallSizes))]
    public void Pair(long size) => Loops.Pairs(size, Many);

    [Benchmark(Description = "malloc, free, large", OperationsPerInvoke = Few)]
    [ArgumentsSource(nameof(LargeSizes))]
    public void LargePair(long size) => Loops.Pairs(size, Few);

    [Benchmark(Description = "batch", OperationsPerInvoke = 200_000)]
    [ArgumentsSource(nameof(Batches))]
    public void Batch(long size, long batch) => Loops.Batches(size, batch, 200_000);

    [Benchmark(Description = "batch, freed at random", OperationsPerInvoke = 200_000)]
    [ArgumentsSource(nameof(ScatteredBatches))]
    public void Scattered(long size, long batch) => Loops.Scattered(size, batch, 200_000);

    [Benchmark(Description = "mixed sizes, random lives", OperationsPerInvoke = Many)]
    [ArgumentsSource(nameof(Heaps))]
    public void Mixed(long blocks, long largest) => Loops.Mixed(blocks, largest, Many);

    [Benchmark(Description = "calloc, free", OperationsPerInvoke = Some)]
    [ArgumentsSource(nameof(ZeroedSizes))]
    public void Calloc(long size) => Loops.Callocs(size, Some);

    [Benchmark(Description = "realloc, growing", OperationsPerInvoke = 1)]
    [ArgumentsSource(nameof(Growing))]
    public void Realloc(long largest, long percent) => Loops.Growths(largest, percent, 1);

    [Benchmark(Description = "aligned_alloc, free", OperationsPerInvoke = Some)]
    [ArgumentsSource(nameof(Alignments))]
    public void Aligned(long alignment, long size) => Loops.Aligned(alignment, size, Some);

    [Benchmark(Description = "producer, consumer", OperationsPerInvoke = Many)]
    [ArgumentsSource(nameof(ExchangedSizes))]
    public void Exchange(long largest) => Loops.Exchange(largest, Many);

    [Benchmark(Description = "threads, mixed sizes", OperationsPerInvoke = 2_000_000)]
    [ArgumentsSource(nameof(Crowds))]
    public void Crowd(long threads) => Loops.Crowd(threads, 100, 1024, 2_000_000);

    [Benchmark(Description = "thread: start, ten blocks, end", OperationsPerInvoke = Few)]
    public void Start() => Loops.Starts(Few);

    private static T[] Pick<T>(T[] all, T[] quick) => Environment.GetEnvironmentVariable(QuickVariable) == null ? all : quick;
}

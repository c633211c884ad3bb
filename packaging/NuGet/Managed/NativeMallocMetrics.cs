using System.Diagnostics.Metrics;

namespace NativeMalloc;

/// <summary>
/// The native heap's numbers as metrics, by the meter <see cref="MeterName"/>: for dotnet-counters, OpenTelemetry
/// (<c>AddMeter(NativeMallocMetrics.MeterName)</c>) and whatever else listens to meters. Nothing is read until somebody does.
/// </summary>
/// <remarks>
/// <list type="table">
/// <item><term><c>nativemalloc.memory.usage</c>, By</term><description>memory that the heap holds, by <c>nativemalloc.memory.state</c>: <c>in_use</c> by the program;
/// <c>cached</c> for CPUs or threads; <c>free_in_spans</c>, between blocks; <c>free_pages</c>; <c>metadata</c>, the library's own. They add up to what is resident of it</description></item>
/// <item><term><c>nativemalloc.memory.released</c>, By</term><description>addresses whose memory the kernel has back</description></item>
/// <item><term><c>nativemalloc.memory.virtual</c>, By</term><description>all address space that the library has</description></item>
/// <item><term><c>nativemalloc.memory.allocated</c>, By</term><description>bytes asked for since the start</description></item>
/// <item><term><c>nativemalloc.cache.misses</c>, {miss}</term><description>calls that their cache did not serve, by <c>nativemalloc.operation</c>: <c>allocate</c>, <c>free</c></description></item>
/// </list>
/// Where malloc is not NativeMalloc's, they have no values.
/// </remarks>
public static class NativeMallocMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "NativeMalloc";

    private const string Bytes = "By";

    /// <summary>Makes the meter and its instruments, unless that was done before. Once is enough, at the start of a program.</summary>
    public static void Register() => GC.KeepAlive(Registered.Meter);

    private static class Registered
    {
        internal static readonly Meter Meter = Create();

        private static Meter Create()
        {
            Meter meter = new(MeterName, NativeMallocHeap.Version?.ToString());
            meter.CreateObservableUpDownCounter("nativemalloc.memory.usage", Usage, Bytes, "Memory that the native heap holds, by what it is.");
            meter.CreateObservableUpDownCounter(
                "nativemalloc.memory.released", () => One(statistics => statistics.ReleasedBytes), Bytes, "Addresses of the native heap whose memory the kernel has back.");
            meter.CreateObservableUpDownCounter(
                "nativemalloc.memory.virtual", () => One(statistics => statistics.MappedBytes), Bytes, "All address space that the native heap has.");
            meter.CreateObservableCounter(
                "nativemalloc.memory.allocated", () => One(statistics => statistics.AllocatedBytes), Bytes, "Bytes of native memory asked for since the process began.");
            meter.CreateObservableCounter("nativemalloc.cache.misses", Misses, "{miss}", "Native allocations and frees that their cache did not serve.");
            return meter;
        }
    }

    private static IEnumerable<Measurement<long>> Usage()
    {
        NativeMallocStatistics statistics = NativeMallocStatistics.Read();
        if (statistics.IsActive)
        {
            yield return State(statistics.InUseBytes, "in_use");
            yield return State(statistics.FrontEndCachedBytes + statistics.TransferCachedBytes, "cached");
            yield return State(statistics.CentralFreeBytes + statistics.SpanTailBytes, "free_in_spans");
            yield return State(statistics.PageHeapFreeBytes, "free_pages");
            yield return State(statistics.MetadataTouchedBytes, "metadata");
        }

        static Measurement<long> State(long bytes, string state) => new(bytes, new KeyValuePair<string, object?>("nativemalloc.memory.state", state));
    }

    private static IEnumerable<Measurement<long>> Misses()
    {
        NativeMallocStatistics statistics = NativeMallocStatistics.Read();
        if (statistics.IsActive)
        {
            yield return Operation(statistics.SlowAllocationCount, "allocate");
            yield return Operation(statistics.SlowFreeCount, "free");
        }

        static Measurement<long> Operation(long count, string operation) => new(count, new KeyValuePair<string, object?>("nativemalloc.operation", operation));
    }

    private static IEnumerable<Measurement<long>> One(Func<NativeMallocStatistics, long> value)
    {
        NativeMallocStatistics statistics = NativeMallocStatistics.Read();
        if (statistics.IsActive)
        {
            yield return new(value(statistics));
        }
    }
}

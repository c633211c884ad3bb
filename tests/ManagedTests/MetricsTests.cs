using System.Diagnostics.Metrics;
using Xunit;

namespace NativeMalloc.ManagedTests;

/// <summary>NativeMallocMetrics, as a listener sees it.</summary>
public sealed class MetricsTests
{
    [Fact]
    public void ListenersSeeWhatTheHeapHolds()
    {
        Dictionary<string, long> values = [];
        List<Instrument> instruments = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == NativeMallocMetrics.MeterName)
                {
                    instruments.Add(instrument);
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => values.Add(instrument.Name + (tags.Length == 0 ? "" : $"{{{tags[0].Key}={tags[0].Value}}}"), value));
        listener.Start();
        NativeMallocMetrics.Register();
        NativeMallocMetrics.Register();

        Assert.Equal(
            ["nativemalloc.cache.misses {miss}", "nativemalloc.memory.allocated By", "nativemalloc.memory.released By", "nativemalloc.memory.usage By", "nativemalloc.memory.virtual By"],
            instruments.Select(instrument => $"{instrument.Name} {instrument.Unit}").Order(StringComparer.Ordinal));

        listener.RecordObservableInstruments();
        NativeMallocStatistics now = NativeMallocStatistics.Read();
        if (!Surroundings.Preloaded)
        {
            Assert.Empty(values);
            return;
        }

        Assert.Equal(
            [
                "nativemalloc.cache.misses{nativemalloc.operation=allocate}", "nativemalloc.cache.misses{nativemalloc.operation=free}",
                "nativemalloc.memory.allocated", "nativemalloc.memory.released",
                "nativemalloc.memory.usage{nativemalloc.memory.state=cached}", "nativemalloc.memory.usage{nativemalloc.memory.state=free_in_spans}",
                "nativemalloc.memory.usage{nativemalloc.memory.state=free_pages}", "nativemalloc.memory.usage{nativemalloc.memory.state=in_use}",
                "nativemalloc.memory.usage{nativemalloc.memory.state=metadata}", "nativemalloc.memory.virtual",
            ],
            values.Keys.Order(StringComparer.Ordinal));
        long Near(long value) => Math.Max(4 << 20, value / 10);
        void Same(long expected, string name) => Assert.InRange(values[name], expected - Near(expected), expected + Near(expected));
        Same(now.InUseBytes, "nativemalloc.memory.usage{nativemalloc.memory.state=in_use}");
        Same(now.PageHeapFreeBytes, "nativemalloc.memory.usage{nativemalloc.memory.state=free_pages}");
        Same(now.AllocatedBytes, "nativemalloc.memory.allocated");
        Same(now.MappedBytes, "nativemalloc.memory.virtual");
        Same(now.SlowFreeCount, "nativemalloc.cache.misses{nativemalloc.operation=free}");

        // The states are all that holds memory.
        long usage = values.Where(value => value.Key.StartsWith("nativemalloc.memory.usage")).Sum(value => value.Value);
        long expected = now.MappedBytes - now.ReleasedBytes - now.MetadataBytes + now.MetadataTouchedBytes;
        Assert.InRange(usage, expected - Near(expected), expected + Near(expected));
    }
}

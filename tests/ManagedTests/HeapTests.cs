using System.Runtime.InteropServices;
using System.Text.Json;
using Xunit;

namespace NativeMalloc.ManagedTests;

/// <summary>NativeMallocHeap and NativeMallocStatistics.</summary>
public sealed unsafe class HeapTests
{
    [Fact]
    public void SaysWhetherItIsThere()
    {
        // So that a run that was to be with the library is not one without it.
        Assert.Equal((Environment.GetEnvironmentVariable("LD_PRELOAD") ?? "").Contains("libnativemalloc"), Surroundings.Preloaded);
        Assert.Equal(Surroundings.Preloaded, NativeMallocHeap.IsActive);
        Assert.Equal(Surroundings.Preloaded, NativeMallocStatistics.Read().IsActive);
        Assert.Equal(Surroundings.With(new Version(0, 1, 0), null), NativeMallocHeap.Version);
    }

    [Fact]
    public void StatisticsCountABlock()
    {
        const int Size = 100 << 20;
        NativeMallocStatistics before = NativeMallocStatistics.Read();
        void* block = NativeMemory.Alloc(Size);
        NativeMallocStatistics held = NativeMallocStatistics.Read();
        NativeMemory.Free(block);
        NativeMallocStatistics after = NativeMallocStatistics.Read();

        // Other threads allocate a little meanwhile.
        const int Others = 4 << 20;
        int size = Surroundings.With(Size, 0);
        Assert.InRange(held.InUseBytes - before.InUseBytes, size - Others, size + Others);
        Assert.InRange(held.InUseLargeBytes - before.InUseLargeBytes, size - Others, size + Others);
        Assert.InRange(after.InUseBytes - before.InUseBytes, -Others, Others);
        Assert.InRange(held.AllocatedBytes - before.AllocatedBytes, size - Others, size + Others);
    }

    [Fact]
    public void StatisticsAreTheStructureOfTheHeader()
    {
        // What the header lists, in its order, is what the JSON has by name.
        NativeMallocStatistics statistics = NativeMallocStatistics.Read();
        Assert.Equal(
            statistics.MappedBytes,
            statistics.InUseBytes + statistics.FrontEndCachedBytes + statistics.TransferCachedBytes + statistics.CentralFreeBytes + statistics.SpanTailBytes
                + statistics.PageHeapFreeBytes + statistics.ReleasedBytes + statistics.MetadataBytes);
        if (!Surroundings.Preloaded)
        {
            Assert.Equal(default, statistics);
            Assert.Null(NativeMallocStatistics.ReadJson());
            return;
        }

        using JsonDocument json = JsonDocument.Parse(NativeMallocStatistics.ReadJson()!);
        Assert.True(json.RootElement.GetProperty("active").GetBoolean());
        JsonElement bytes = json.RootElement.GetProperty("bytes");
        foreach ((string name, long value) in new (string, long)[]
        {
            ("in_use", statistics.InUseBytes), ("mapped", statistics.MappedBytes), ("metadata", statistics.MetadataBytes),
            ("metadata_touched", statistics.MetadataTouchedBytes), ("released", statistics.ReleasedBytes), ("page_heap_free", statistics.PageHeapFreeBytes),
            ("central", statistics.CentralFreeBytes), ("span_tails", statistics.SpanTailBytes), ("front_end", statistics.FrontEndCachedBytes), ("transfer", statistics.TransferCachedBytes),
        })
        {
            Assert.InRange(bytes.GetProperty(name).GetInt64(), value - (4 << 20), value + (4 << 20));
        }

        Assert.InRange(statistics.MetadataTouchedBytes, 1, statistics.MetadataBytes);
        Assert.InRange(statistics.ReleasedInSpansBytes, 0, statistics.ReleasedBytes);
        Assert.InRange(statistics.SlabCount, 1, statistics.SlabMadeCount);
        Assert.True(statistics.SlowAllocationCount > 0);
        string frontEnd = json.RootElement.GetProperty("front_end").GetString()!;
        Assert.Equal(frontEnd == "per-cpu", statistics.FrontEnd == NativeMallocFrontEnd.PerCpu);
        string index = json.RootElement.GetProperty("index").GetString()!;
        Assert.Equal(index, statistics.Index switch { NativeMallocIndex.MmCid => "mm_cid", NativeMallocIndex.CpuId => "cpu_id", _ => "thread" });
    }

    [Fact]
    public void ReadingAllocatesNothing()
    {
        NativeMallocStatistics.Read();
        long before = GC.GetAllocatedBytesForCurrentThread();
        long sum = 0;
        for (int i = 0; i < 1000; i++)
        {
            sum += NativeMallocStatistics.Read().MappedBytes;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(Surroundings.Preloaded, sum > 0);
    }

    [Fact]
    public void ReleaseGivesBackWhatIsFree()
    {
        // Small blocks, so that what is freed is kept at first.
        void*[] blocks = new void*[2000];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = NativeMemory.AllocZeroed(10_000);
            NativeMemory.Fill(blocks[i], 10_000, 1);
        }

        foreach (void* block in blocks)
        {
            NativeMemory.Free(block);
        }

        long released = NativeMallocHeap.Release();
        Assert.InRange(released, Surroundings.With(1 << 20, 0), Surroundings.With(long.MaxValue, 0));
        Assert.InRange(NativeMallocStatistics.Read().PageHeapFreeBytes, 0, 8 << 20);
        Assert.Throws<ArgumentOutOfRangeException>(() => NativeMallocHeap.Release(-1));
    }

    [Fact]
    public void OptionsAreReadBack()
    {
        Assert.Equal(Surroundings.With("0", null), NativeMallocHeap.GetOption("check"));
        Assert.Equal(Surroundings.With("", null), NativeMallocHeap.GetOption("profile"));
        Assert.Null(NativeMallocHeap.GetOption("no such option"));
        Assert.Throws<ArgumentNullException>(() => NativeMallocHeap.GetOption(null!));
    }
}

using System;
using System.Linq;
using System.Reflection;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The caches' bounds on machines that there are not many of, and under limits.</summary>
public sealed unsafe class SlabBudgetTests : AllocatorTest, IDisposable
{
    private const int Cpus = 256;

    public void Dispose() => SetMemory(ulong.MaxValue);

    [Theory]
    [InlineData(1, 3 << 20)]
    [InlineData(21, 3 << 20)]
    [InlineData(32, 2 << 20)]
    [InlineData(256, 256 << 10)]
    [InlineData(1024, 256 << 10)]
    public void CpusShareWhatAllMayHold(int cpus, int expected) => Assert.Equal(expected, SlabBudget.ForCpu(cpus));

    [Theory]
    [InlineData(1, 3 << 19)]
    [InlineData(64, 512 << 10)]
    [InlineData(10_000, 256 << 10)]
    public void ThreadsShareWhatAllMayHold(int threads, int expected) => Assert.Equal(expected, SlabBudget.ForThread(threads));

    [Theory]
    [InlineData(64UL << 30, 2, 3 << 20, 512 << 10)]
    [InlineData(64UL << 20, 2, 2 << 20, 32 << 10)]
    [InlineData(64UL << 20, 64, 64 << 10, 32 << 10)]
    [InlineData(1UL << 20, 64, 32 << 10, 16 << 10)]
    public void LimitedMemoryMeansSmallCaches(ulong memory, int cpus, int slab, int transfer)
    {
        SetMemory(memory);
        Assert.Equal((slab, transfer), (SlabBudget.ForCpu(cpus), SlabBudget.ForTransfer));
    }

    [Fact]
    public void ManyCpusKeepTheBudgetAndIdleOnesGiveBackWhatTheyHold()
    {
        Assert.True(Heap.Initialize());
        Os.Cpus = Cpus;
        Assert.True(CpuSlabs.Initialize());
        Random random = new(1);
        for (int cpu = 0; cpu < Cpus; cpu++)
        {
            Slab* slab = CpuSlabs.Create(cpu);
            Assert.True(slab != null);
            Use(slab, random); // the first with a budget that the others will have a part of
        }

        int periods = 0;
        do
        {
            Assert.True(periods++ < 40, "a slab does not come down to its budget");
            foreach (nint slab in Slabs())
            {
                Use((Slab*)slab, random);
                SlabCapacity.Fit((Slab*)slab);
            }
        }
        while (Slabs().Any(slab => ((Slab*)slab)->CapacityBytes > ((Slab*)slab)->BudgetBytes));

        Assert.All(Slabs(), slab => Assert.InRange(((Slab*)slab)->CapacityBytes, 1, 256 << 10));
        Assert.All(Slabs(), slab => Assert.InRange(Cached(slab), 1, ((Slab*)slab)->CapacityBytes));

        CpuSlabs.Drain(idleOnly: true); // which only looks
        Assert.All(Slabs(), slab => Assert.NotEqual(0, Cached(slab)));
        nint busy = Slabs()[17];
        Use((Slab*)busy, random);
        CpuSlabs.Drain(idleOnly: true);
        Assert.All(Slabs(), slab => Assert.Equal(slab == busy, Cached(slab) > 0));
        Assert.All(Slabs(), slab => Assert.Equal(slab == busy, ((Slab*)slab)->CapacityBytes > 0));

        CpuSlabs.Drain(idleOnly: false);
        Heap.PlunderTransferCaches(all: true);
        Assert.Equal((nint)0, Enumerable.Range(1, SizeClasses.Count - 1).Sum(one => Heap.Central((nuint)one)->Out));
    }

    [Fact]
    public void LeastLimitOfTheGroupsUpToTheRootCounts()
    {
        Os.Files["/proc/self/cgroup"] = "0::/system.slice/some.service/\n";
        Os.Files["/sys/fs/cgroup/system.slice/some.service/memory.max"] = "max\n";
        Os.Files["/sys/fs/cgroup/system.slice/memory.max"] = "104857600\n";
        Os.Files["/sys/fs/cgroup/memory.max"] = "209715200\n";
        Assert.Equal(100UL << 20, ReadMemoryLimit());
    }

    // As in a container, whose own path its mount does not have.
    [Fact]
    public void GroupsOfVersionOneAreReadToo()
    {
        Os.Files["/proc/self/cgroup"] = "12:pids,memoryless:/x\n4:cpu,memory:/docker/0123\n0::/\n";
        Os.Files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "67108864\n";
        Assert.Equal(64UL << 20, ReadMemoryLimit());
    }

    [Theory]
    [InlineData("")]
    [InlineData("0::/\n")]
    [InlineData("garbage")]
    [InlineData("::\n:memory:\n0:")]
    public void NoLimitIsNone(string groups)
    {
        Os.Files["/proc/self/cgroup"] = groups;
        Os.Files["/sys/fs/cgroup/memory.max"] = "max\n";
        Assert.Equal(ulong.MaxValue, ReadMemoryLimit());
    }

    private static ulong ReadMemoryLimit()
    {
        MemoryLimit.Read();
        return MemoryLimit.Bytes;
    }

    // Objects of random classes go through the slab, as frees and allocations would have them.
    private static void Use(Slab* slab, Random random)
    {
        Shim.CurrentSlab = slab;
        CpuSlabs.ShareBudget(slab);
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        for (int i = 0; i < 20; i++)
        {
            nuint sizeClass = (nuint)random.Next(1, 100);
            int popped = Shim.PopBatch(slab, sizeClass, objects, random.Next(1, SizeClasses.Batch(sizeClass)));
            Heap.Transfer(sizeClass)->Give(sizeClass, objects, popped);
            int taken = Heap.Transfer(sizeClass)->Take(sizeClass, objects, SizeClasses.Batch(sizeClass));
            SlabCapacity.Grow(slab, sizeClass);
            int pushed = Shim.PushBatch(slab, sizeClass, objects, taken);
            Heap.Transfer(sizeClass)->Give(sizeClass, objects + pushed, taken - pushed);
        }
    }

    private static nint[] Slabs() => [.. Enumerable.Range(0, Cpus).Select(cpu => (nint)CpuSlabs.Get(cpu))];

    private static long Cached(nint slab) =>
        Enumerable.Range(1, SizeClasses.Count - 1).Sum(one => Slab.CountOf((Slab*)slab, (nuint)one) * (long)SizeClasses.Size((nuint)one));

    private static void SetMemory(ulong bytes) =>
        typeof(MemoryLimit).GetProperty(nameof(MemoryLimit.Bytes), BindingFlags.Static | BindingFlags.NonPublic)!.SetValue(null, bytes);
}

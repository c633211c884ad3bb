using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The caches' bounds, also on machines that there are not many of.</summary>
public sealed unsafe class SlabBudgetTests : AllocatorTest
{
    private const int Cpus = 256;

    [Theory]
    [InlineData(1, 0, 6 << 20)]
    [InlineData(2, 0, 1 << 20)]
    [InlineData(2, 64 << 20, 6 << 20)]
    [InlineData(64, 0, 64 << 10)] // a small heap on many CPUs
    [InlineData(64, 64 << 20, 256 << 10)]
    [InlineData(10, 1 << 30, 6 << 20)]
    [InlineData(32, 1 << 30, 2 << 20)]
    [InlineData(256, 1 << 30, 256 << 10)]
    [InlineData(4096, 1 << 30, 64 << 10)]
    public void CpusShareWhatAllMayHold(int cpus, int heap, int expected) =>
        Assert.Equal(expected, SlabBudget.ForCpu(cpus, SlabBudget.Whole / cpus, (nuint)heap, falls: false));

    [Theory]
    [InlineData(2, 0, 768 << 10)]
    [InlineData(2, SlabBudget.Whole, 6 << 20)]
    [InlineData(2, SlabBudget.Whole * 3 / 4, 4608 << 10)]
    [InlineData(64, SlabBudget.Whole, 1 << 20)] // four times an even part: the others keep what they hold
    [InlineData(64, 0, 64 << 10)]
    public void ASlabsPartHasBounds(int cpus, int part, int expected) =>
        Assert.Equal(expected, SlabBudget.ForCpu(cpus, part, (nuint)(cpus == 2 ? 24 << 20 : 64 << 20), falls: false));

    [Theory]
    [InlineData(1, 896 << 10, 1152 << 10)]
    [InlineData(3, 1400 << 10, 1632 << 10)]
    [InlineData(1000, 1760 << 10, 2 << 20)]
    public void WhoMovesMoreGetsMore(int times, int least, int most)
    {
        Assert.True(Heap.Initialize());
        Os.Cpus = 2;
        Assert.True(CpuSlabs.Initialize());
        Slab* much = CpuSlabs.Create(0);
        Slab* little = CpuSlabs.Create(1);
        EndPeriods(much, times * 10_000L, little, 10_000);
        Assert.InRange(much->BudgetBytes, least, most);
        Assert.InRange(little->BudgetBytes, 256 << 10, (2 << 20) - least);

        EndPeriods(much, 0, little, 10_000);
        Assert.InRange(little->BudgetBytes, 1760 << 10, 2 << 20);
    }

    // Of a machine with more, on which CRIU restores the process.
    [Fact]
    public void CpusThatThereAreNotFindTheSentinelAndGetNoSlab()
    {
        Assert.True(Heap.Initialize());
        Os.Cpus = 2;
        Assert.True(CpuSlabs.Initialize());
        System.Span<byte> next = new(Metadata.Allocate(256), 256);
        next.Fill(0xff);
        Slab* slab = CpuSlabs.Create(1);
        Assert.Equal([1], Enumerable.Range(0, 8192).Where(cpu => CpuSlabs.Table[cpu] != 0));
        Assert.True(slab != null && CpuSlabs.Create(2) == null && CpuSlabs.Create(8191) == null);
    }

    [Fact]
    public void WhoIsThereMakesDoWithLessAsSoonAsThereAreMore()
    {
        Assert.True(Heap.Initialize());
        Heap.Occupancy.FallsWith(20 << 20);
        Os.Cpus = 8;
        Assert.True(CpuSlabs.Initialize());
        Slab* first = CpuSlabs.Create(0);
        nint alone = first->BudgetBytes;
        for (int index = 1; index < 8; index++)
        {
            CpuSlabs.Create(index);
        }

        Assert.InRange(first->BudgetBytes, 1, alone - 1);
    }

    // Some periods, in each of which the slabs move so many bytes.
    private static void EndPeriods(Slab* one, long movedByOne, Slab* other, long movedByOther)
    {
        for (int period = 0; period < 12; period++)
        {
            EndPeriod(one, movedByOne);
            EndPeriod(other, movedByOther);
        }
    }

    private static void EndPeriod(Slab* slab, long moved)
    {
        slab->Moved = moved;
        CpuSlabs.ShareAnew(slab);
        CpuSlabs.ShareBudget(slab);
    }

    [Theory]
    [InlineData(1, 0, 6 << 20)]
    [InlineData(64, 0, 96 << 10)]
    [InlineData(64, 1 << 30, 1 << 20)]
    [InlineData(10_000, 1 << 30, 64 << 10)]
    public void ThreadsShareWhatAllMayHold(int threads, int heap, int expected) => Assert.Equal(expected, SlabBudget.ForThread(threads, (nuint)heap, falls: false));

    [Theory]
    [InlineData(1, 0, 256 << 10)] // one object of any class
    [InlineData(1, 8 << 20, 2 << 20)]
    [InlineData(2, 8 << 20, 1 << 20)]
    [InlineData(1, 1 << 30, 6 << 20)]
    [InlineData(64, 0, 64 << 10)] // a small heap on many CPUs has no more than that
    public void OfLargeObjectsAShareAndNoMore(int slabs, int heap, int expected) =>
        Assert.Equal(expected, SlabBudget.OfLarge(slabs, SlabBudget.ForCpu(slabs, SlabBudget.Whole / slabs, (nuint)heap, falls: false), (nuint)heap, earned: 0));

    // What comes and goes may stay in the end: of a small heap's slabs, as much as of a large one's.
    [Theory]
    [InlineData(1, 0, 0, 0)]
    [InlineData(1, 512 << 20, 0, 0)] // a heap that grows
    [InlineData(1, 0, 512 << 20, 0)] // one that another CPU's slab serves
    [InlineData(1, 512 << 20, 256 << 20, 512 << 10)]
    [InlineData(1, 1L << 40, 1L << 40, 64 << 20)]
    [InlineData(64, 1L << 40, 1L << 40, 1 << 20)]
    public void LargeObjectsEarnRoomByComingAndGoing(int slabs, long came, long went, int expected)
    {
        nint earned = SlabBudget.Earned(slabs, came, went);
        Assert.Equal(expected, earned);
        nint budget = SlabBudget.WithEarned(64 << 10, earned);
        Assert.Equal(Math.Min((64 << 10) + expected, 6 << 20), budget);
        Assert.Equal(Math.Min(Math.Max(expected, 256 << 10), budget), SlabBudget.OfLarge(slabs, budget, 0, earned));
    }

    // A slab has room for many small objects in a small heap, and for few large ones.
    [Fact]
    public void LargeObjectsTakeRoomFromEachOther()
    {
        Assert.True(Heap.Initialize());
        Os.Cpus = 1;
        Assert.True(CpuSlabs.Initialize());
        Slab* slab = CpuSlabs.Create(0);
        Shim.CurrentSlab = slab;
        GrowAll(slab, SizeClasses.IsLarge);
        Assert.Equal(slab->LargeBytes, slab->CapacityBytes);
        Assert.InRange(slab->LargeBytes, 128 << 10, slab->LargeBudgetBytes);
        GrowAll(slab, sizeClass => !SizeClasses.IsLarge(sizeClass));
        Assert.InRange(slab->CapacityBytes, 4 << 20, slab->BudgetBytes);
        Assert.Equal((long)slab->LargeBytes, Classes().Where(SizeClasses.IsLarge).Sum(sizeClass => (long)Slab.CapacityOf(slab, sizeClass) * (long)SizeClasses.Size(sizeClass)));
    }

    private static IEnumerable<nuint> Classes() => Enumerable.Range(1, SizeClasses.Count - 1).Select(number => (nuint)number);

    private static void GrowAll(Slab* slab, Func<nuint, bool> which)
    {
        foreach (nuint sizeClass in Classes().Where(which).Reverse())
        {
            for (int i = 0; i < 100; i++)
            {
                SlabCapacity.Grow(slab, sizeClass);
            }
        }
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
        long before = Cached(busy);
        while (Cached(busy) == before)
        {
            Use((Slab*)busy, random);
            nuint some = (nuint)random.Next(1, 100);
            void* one;
            if (Shim.PopBatch((Slab*)busy, some, &one, 1) == 1)
            {
                Heap.Transfer(some)->Give(some, &one, 1);
            }
        }

        CpuSlabs.Drain(idleOnly: true);
        Assert.All(Slabs(), slab => Assert.Equal(slab == busy, Cached(slab) > 0));
        Assert.All(Slabs(), slab => Assert.Equal(slab == busy, ((Slab*)slab)->CapacityBytes > 0));

        CpuSlabs.Drain(idleOnly: false);
        Heap.PlunderTransferCaches(all: true);
        Assert.Equal((nint)0, Enumerable.Range(1, SizeClasses.Count - 1).Sum(one => CentralFreeLists.First((nuint)one)->Out));
        Heap.GiveKeptSpans(all: true);
    }

    // Threads on the CPUs of the others find their slabs meanwhile.
    [Fact]
    public void OneSlabIsStoppedAtATime()
    {
        Assert.True(Heap.Initialize());
        Os.Cpus = Cpus;
        Assert.True(CpuSlabs.Initialize());
        Random random = new(2);
        for (int cpu = 0; cpu < Cpus; cpu++)
        {
            Use(CpuSlabs.Create(cpu), random);
        }

        List<int> stopped = [];
        Os.WhileAborting = cpu =>
        {
            Assert.Equal([cpu], Enumerable.Range(0, Cpus).Where(other => CpuSlabs.Table[other] == 0));
            stopped.Add(cpu);
            return cpu < 20;
        };
        CpuSlabs.Drain(idleOnly: false);
        Assert.Equal(Enumerable.Range(0, 21), stopped); // up to one for which the kernel refuses it
        Assert.All(Enumerable.Range(0, Cpus), cpu => Assert.Equal(cpu < 20, Cached((nint)CpuSlabs.Get(cpu)) == 0));
        Assert.All(Enumerable.Range(0, Cpus), cpu => Assert.Equal(CpuSlabs.EntryOf(CpuSlabs.Get(cpu)), CpuSlabs.Table[cpu]));
        Os.WhileAborting = null;
        CpuSlabs.Drain(idleOnly: false);
        Heap.PlunderTransferCaches(all: true);
        Heap.GiveKeptSpans(all: true);
    }

    // Objects of random classes go through the slab, as frees and allocations would have them.
    private static void Use(Slab* slab, Random random)
    {
        Shim.CurrentSlab = slab;
        CpuSlabs.ShareBudget(slab);
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        for (int i = 0; i < 20; i++)
        {
            nuint sizeClass = (nuint)random.Next(1, (int)SizeClasses.Of(4096));
            int popped = Shim.PopBatch(slab, sizeClass, objects, random.Next(1, SizeClasses.Batch(sizeClass)));
            Heap.Transfer(sizeClass)->Give(sizeClass, objects, popped);
            int taken = Heap.Transfer(sizeClass)->Take(sizeClass, objects, SizeClasses.Batch(sizeClass));
            SlabCapacity.Grow(slab, sizeClass);
            int pushed = Shim.PushBatch(slab, sizeClass, objects, taken);
            Heap.Transfer(sizeClass)->Give(sizeClass, objects, taken - pushed);
        }
    }

    private static nint[] Slabs() => [.. Enumerable.Range(0, Cpus).Select(cpu => (nint)CpuSlabs.Get(cpu))];

    private static long Cached(nint slab) =>
        Enumerable.Range(1, SizeClasses.Count - 1).Sum(one => Slab.CountOf((Slab*)slab, (nuint)one) * (long)SizeClasses.Size((nuint)one));
}

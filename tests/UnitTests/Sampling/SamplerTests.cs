using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests.Sampling;

/// <summary>Samples of blocks of a real heap: <see cref="Sampler"/>, <see cref="SampleTable"/>, <see cref="SamplerState"/>.</summary>
public sealed unsafe class SamplerTests : AllocatorTest, IDisposable
{
    private static readonly nuint s_smallClass = SizeClasses.Of(64);

    private static ThreadState* Me => Shim.Thread();

    private static SamplerState* State => Sampler.State;

    public SamplerTests()
    {
        EmptyHeap();
        Forget();
    }

    public void Dispose()
    {
        Forget();
        Os.Reset();
        EmptyHeap();
        Backtrace.Frames = [];
    }

    [Fact]
    public void APageHidesItsClassWhileSamplesBeginThere()
    {
        void*[] blocks = Take(3);
        Sample(blocks[0], 60);
        Assert.Equal(0u, PageMap.ClassOf((nuint)blocks[1]));
        Assert.Equal(s_smallClass, Heap.ClassOf(blocks[0]));
        Assert.Equal(s_smallClass, Heap.ClassOf(blocks[1]));
        Assert.Equal(0u, Heap.ClassOf((byte*)blocks[1] + 8));
        Sample(blocks[2], 60);
        Sampler.End(blocks[0]);
        Assert.Equal(0u, PageMap.ClassOf((nuint)blocks[1]));
        Sampler.End(blocks[1]); // is none
        Assert.Equal(1u, State->LiveSamples);
        Sampler.End(blocks[2]);
        Assert.Equal(s_smallClass, PageMap.ClassOf((nuint)blocks[1]));
        Assert.Equal(0u, State->LiveSamples);
    }

    [Fact]
    public void APageThatHasBecomeARemnantsKeepsNoClass()
    {
        void*[] blocks = Take(200);
        Sample(blocks[0], 60);
        fixed (void** others = blocks)
        {
            CentralFreeLists.Give(s_smallClass, others + 1, blocks.Length - 1);
        }

        Assert.True(CentralFreeLists.First(s_smallClass)->Shed(s_smallClass, 10, all: true) > 0);
        Assert.True(PageMap.SpanOf((nuint)blocks[0])->Remnant);
        Sampler.End(blocks[0]);
        Assert.Equal(0u, PageMap.ClassOf((nuint)blocks[0]));
        Assert.Equal(s_smallClass, Heap.ClassOf(blocks[0]));
    }

    [Fact]
    public void ALargeBlockThatIsTakenOutAndPutBackIsASampleStill()
    {
        void* block = LargeBlocks.Allocate(1 << 20, PageMap.PageSize);
        Sample(block, 1 << 20);
        Sample* sample = Sampler.TakeOut(block);
        Assert.True(sample != null && SampleTable.Find((nuint)block) == null);
        Assert.Equal(1 << 20, State->Live.Bytes);
        Sampler.PutBack(sample, block);
        Assert.Equal((nint)sample, (nint)SampleTable.Find((nuint)block));
        Sampler.End(block);
        Assert.Equal(0, State->Live.Bytes);
        Assert.True(Sampler.TakeOut(block) == null);
        LargeBlocks.Free(PageMap.SpanOf((nuint)block));
    }

    [Fact]
    public void TotalsAddUpAndThePeakIsWhatEachStackHadThen()
    {
        void*[] blocks = Take(6);
        Backtrace.Frames = [1];
        Sample(blocks[0], 10);
        Sample(blocks[1], 20);
        Backtrace.Frames = [2];
        Sample(blocks[2], 30);      // the peak: 30 of the first, 30 of the second
        Sampler.End(blocks[0]);
        Sample(blocks[3], 5);
        Backtrace.Frames = [3];
        Sample(blocks[4], 1);
        Sampler.End(blocks[2]);
        (double Live, double Allocated, double Peak)[] stacks = [.. Stacks()];
        Assert.Equal([(0, 0, 0), (20, 30, 30), (5, 35, 30), (1, 1, 0)], stacks);
        Assert.Equal(26, State->Live.Bytes);
        Assert.Equal(60, State->Peak.Bytes);
        Assert.Equal(3, State->Peak.Objects);
        Sample(blocks[5], 40);      // a new peak
        Assert.Equal([0, 20, 5, 41], Stacks().Select(stack => stack.Peak));

        Sampler.Reset();
        Assert.Equal([(0, 0, 0), (20, 0, 20), (5, 0, 5), (41, 0, 41)], Stacks());
        foreach (int i in (int[])[1, 3, 4, 5])
        {
            Sampler.End(blocks[i]);
        }

        Assert.Equal([(0, 0, 0), (0, 0, 20), (0, 0, 5), (0, 0, 41)], Stacks());
        Assert.Equal(66, State->Peak.Bytes);
    }

    [Fact]
    public void SumsOfWeightsEndAtNothing()
    {
        void*[] blocks = Take(50);
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < blocks.Length; i++)
            {
                Sampler.Finish(Me, blocks[i], (nuint)(i + round), 1000);
            }

            foreach (void* block in blocks)
            {
                Sampler.End(block);
            }

            Assert.Equal(0, State->Live.Bytes);
            Assert.Equal((0, 0), Stacks().Select(stack => (stack.Live, 0)).Last());
        }

        Assert.Equal(50, CountOfStructures()); // they are used again
    }

    [Fact]
    public void ManyAreGoneThroughAsFarAsTheyAreLive()
    {
        void*[] blocks = Take(3000);
        foreach (void* block in blocks)
        {
            Sample(block, 64);
        }

        HashSet<nuint> live = [.. Live()];
        Assert.Equal(3000, live.Count);
        for (int i = 0; i < blocks.Length; i += 2)
        {
            Sampler.End(blocks[i]);
            live.Remove((nuint)blocks[i]);
        }

        Assert.Equal(live.Order(), Live().Order());
        for (int i = 1; i < blocks.Length; i += 2)
        {
            Assert.True(SampleTable.Find((nuint)blocks[i]) != null);
        }
    }

    // A thread that looks for its own block, or for a neighbour, while others come to the page and leave it, for other pages, too.
    [Fact]
    public void WhoLooksForItsOwnBlockFindsItWhateverComesAndGoes()
    {
        const int Rounds = 200_000;
        void*[] blocks = Take(1000);
        void* own = blocks[10];
        void* none = blocks[11];
        Sample(own, 64);
        int stop = 0;
        Thread other = new(() =>
        {
            Random random = new(1);
            HashSet<int> live = [];
            while (Volatile.Read(ref stop) == 0)
            {
                int i = random.Next(blocks.Length);
                if (i is 10 or 11)
                {
                    continue;
                }

                if (live.Add(i))
                {
                    Sample(blocks[i], 64);
                }
                else if (live.Remove(i))
                {
                    Sampler.End(blocks[i]);
                }
            }
        });
        other.Start();
        int missed = 0;
        int wrong = 0;
        for (int i = 0; i < Rounds; i++)
        {
            missed += SampleTable.Find((nuint)own) == null ? 1 : 0;
            wrong += SampleTable.Find((nuint)none) != null ? 1 : 0;
        }

        Volatile.Write(ref stop, 1);
        other.Join();
        Assert.Equal((0, 0), (missed, wrong));
    }

    [Fact]
    public void WhoCannotEnterTheSlowPathMissesTheSample()
    {
        void*[] blocks = Take(1);
        Assert.True(SlowPath.TryEnter(Me));
        Sample(blocks[0], 64);
        SlowPath.Leave(Me);
        Assert.Equal(1u, Sampler.MissedSamples);
        Assert.Equal(0u, State->LiveSamples);
    }

    [Fact]
    public void WithoutMemoryThereIsNoSampleAndItIsCounted()
    {
        void*[] blocks = Take(1);
        using (new MetadataShortage())
        {
            Sample(blocks[0], 64);
        }

        Assert.Equal(1u, Sampler.MissedSamples);
        Assert.Equal(s_smallClass, PageMap.ClassOf((nuint)blocks[0]));
        Sample(blocks[0], 64);
        Assert.Equal(1u, State->LiveSamples);
    }

    [Fact]
    public void NothingThatIsNotOfTheHeapIsASample()
    {
        void* foreign = (void*)0x1000;
        Sample(foreign, 64);
        Assert.Equal(1u, Sampler.MissedSamples);
        Assert.Equal(0u, State->LiveSamples);
    }

    [Fact]
    public void AThreadFollowsTheControlAtItsNextLook()
    {
        Assert.False(Allocate(100));
        Sampler.Start(1000);
        Assert.Equal(1000u, Sampler.Mean);
        int samples = 0;
        for (int i = 0; i < 20_000; i++)
        {
            samples += Allocate(100) ? 1 : 0;
        }

        Assert.InRange(samples, 1500, 2100); // 1,903, 32 standing for a deviation of 39
        Sampler.Start(Exponential.EachBlock);
        Allocate(300_000); // a look
        for (int i = 0; i < 100; i++)
        {
            Assert.True(Allocate(i % 3 == 0 ? 0u : 1u));
        }

        Sampler.Control->Until = 50;
        Clock.Milliseconds = 49;
        Assert.True(Allocate(1));
        Clock.Milliseconds = 50;
        Assert.Equal(0u, Sampler.Mean);
        Assert.False(Allocate(1));
        Assert.Equal(0u, Me->SampleMean);
        for (int i = 0; i < 1000; i++)
        {
            Assert.False(Allocate(1000));
        }
    }

    // Where nobody has said how far samples are to be apart.
    [Fact]
    public void ATracerHasTheUsualDistance()
    {
        Shim.Tracers = 1;
        Assert.Equal(Sampler.UsualMean, Sampler.Mean);
        Sampler.Start(1000);
        Assert.Equal(1000u, Sampler.Mean);
        Sampler.Stop();
        Shim.Tracers = 0;
        Assert.Equal(0u, Sampler.Mean);
    }

    // A thread's first allocation may be its only one.
    [Fact]
    public void TheFirstAllocationOfAThreadCounts()
    {
        Sampler.Start(100);
        int samples = 0;
        for (int i = 0; i < 1000; i++)
        {
            Shim.Reset();
            samples += Allocate(100) ? 1 : 0;
        }

        Assert.InRange(samples, 632 - 50, 632 + 50);
    }

    // As many bytes as nobody has, or more than a number of them is.
    [Theory]
    [InlineData(1UL << 40)]
    [InlineData((1UL << 62) - 1)]
    [InlineData(long.MaxValue)]
    public void AnAllocationThatFailsMovesNoSample(ulong size)
    {
        foreach (ulong mean in (ulong[])[0, 1, 1000])
        {
            Sampler.Start(mean);
            Allocate(300_000); // a look
            bool isSample = Allocate((nuint)size);
            AllocationClock.CountBack(Me, (nuint)size);
            if (isSample)
            {
                Sampler.GiveUp(Me);
            }

            AllocationClock.Fit(Me, 100); // as the next slow path does
            int samples = 0;
            for (int i = 0; i < 1000; i++)
            {
                samples += Allocate(100) ? 1 : 0;
            }

            Assert.InRange(samples, mean == 0 ? 0 : mean == 1 ? 1000 : 50, mean == 0 ? 0 : mean == 1 ? 1000 : 150); // 95
        }
    }

    // What cannot be done at a free is done at the next allocation.
    [Fact]
    public void ASampleThatIsDueComesWithTheNextAllocation()
    {
        Sampler.Start(Exponential.EachBlock);
        AllocationClock.Set(Me, 0, Clock.Milliseconds);
        Sampler.Follow(Me, 0, Clock.Milliseconds);
        AllocationClock.KeepSample(Me);
        Assert.True(AllocationClock.IsDue(Me));
        Assert.True(Allocate(0));
    }

    // A sequence may be interrupted when it has counted and not looked yet; it goes on along the slow path.
    [Fact]
    public void ASlowPathTakesTheSampleThatASequenceHasLeftToIt()
    {
        void*[] blocks = Take(2);
        Sampler.Start(1000);
        AllocationClock.Count(Me, 1 << 20);
        AllocationClock.Set(Me, 1 << 20, Clock.Milliseconds);
        Sampler.Follow(Me, 1 << 20, Clock.Milliseconds);
        AllocationClock.KeepSample(Me);
        Sampler.TakeIfDue(Me, null, 1 << 20);
        Assert.Equal(0u, State->LiveSamples);
        Sampler.TakeIfDue(Me, blocks[0], 1 << 20);
        Sampler.TakeIfDue(Me, blocks[1], 1 << 20);
        Assert.Equal(1u, State->LiveSamples);
        Assert.True(SampleTable.Find((nuint)blocks[0]) != null);
    }

    // As Intercept does it; true if the allocation is a sample.
    private static bool Allocate(nuint size)
    {
        AllocationClock.Count(Me, size);
        if (!AllocationClock.IsDue(Me))
        {
            return false;
        }

        AllocationClock.Set(Me, size, Clock.Milliseconds);
        Sampler.Follow(Me, size, Clock.Milliseconds);
        if (!AllocationClock.IsSampleDue(Me))
        {
            AllocationClock.KeepSample(Me);
            return false;
        }

        ulong mean = Sampler.Begin(Me);
        if (mean == Exponential.EachBlock)
        {
            AllocationClock.SetSample(Me, 0);
        }

        return true;
    }

    private static void Sample(void* block, nuint size) => Sampler.Finish(Me, block, size, Exponential.EachBlock);

    private static void*[] Take(int count)
    {
        void*[] blocks = new void*[count];
        fixed (void** to = blocks)
        {
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(1, CentralFreeLists.Take(s_smallClass, to + i, 1));
            }
        }

        return blocks;
    }

    private static IEnumerable<(double Live, double Allocated, double Peak)> Stacks()
    {
        List<(double, double, double)> all = [];
        for (CallStack* stack = Sampler.NextStack(null); stack != null; stack = Sampler.NextStack(stack))
        {
            all.Add((stack->Live.Bytes, stack->Allocated.Bytes, stack->PeakOf(State->PeakMoment).Bytes));
        }

        return all;
    }

    private static List<nuint> Live()
    {
        List<nuint> all = [];
        for (Sample* sample = Sampler.NextSample(null); sample != null; sample = Sampler.NextSample(sample))
        {
            all.Add(sample->Address);
        }

        return all;
    }

    // Those that were ever taken.
    private static int CountOfStructures()
    {
        int count = 0;
        for (Sample* sample = State->FirstSample; sample->Stack != null; sample++)
        {
            count++;
        }

        return count;
    }

    private static void Forget()
    {
        Sampler.Forget();
        *Sampler.Control = default;
        Clock.Milliseconds = 0;
    }
}

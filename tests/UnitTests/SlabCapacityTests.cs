using System;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class SlabCapacityTests : AllocatorTest, IDisposable
{
    private const int Budget = 3 << 19;

    private SlabModel _slab;

    public SlabCapacityTests() => _slab = new SlabModel(Budget);

    // The heap is the process's: nothing of it may stay in use.
    public void Dispose()
    {
        Shim.IsOnOtherCpu = null;
        Shim.OnHeaderSwapped = null;
        _slab.FreeAll();
        SlabDrain.Stopped(_slab.Slab);
        Heap.Release(nuint.MaxValue);
        Assert.Equal((nuint)0, Heap.Pages->UsedBytes);
    }

    [Fact]
    public void AFreshSlabHasNoRoom()
    {
        for (nuint sizeClass = 0; sizeClass < SizeClasses.Count; sizeClass++)
        {
            void* block = (void*)16;
            Assert.Equal(0, Shim.PushBatch(_slab.Slab, sizeClass, &block, 1));
            Assert.Equal(0, Shim.PopBatch(_slab.Slab, sizeClass, &block, 1));
            Assert.Equal((0, 0), (Slab.RoomOf(_slab.Slab, sizeClass), Slab.CountOf(_slab.Slab, sizeClass)));
        }

        _slab.AssertInvariants();
    }

    [Theory]
    [InlineData(48, 8192)]
    [InlineData(64, 8192)]
    [InlineData(1024, 2048)]
    [InlineData(2048, 1024)]
    [InlineData(16384, 16)] // of large objects, what a small heap's slab may hold
    public void CapacityStartsAtABatchAndDoublesToItsBound(int size, int bound)
    {
        int sizeClass = (int)SizeClasses.Of((nuint)size);
        int expected = SizeClasses.Batch((nuint)sizeClass);
        _slab = new SlabModel(4 << 20);
        while (SlabCapacity.Grow(_slab.Slab, (nuint)sizeClass))
        {
            Assert.Equal(expected, _slab.Capacity((nuint)sizeClass));
            _slab.AssertInvariants();
            expected = Math.Min(2 * expected, bound);
        }

        Assert.Equal(bound, _slab.Capacity((nuint)sizeClass));
    }

    [Fact]
    public void TheLargestClassStopsAtTheBudget()
    {
        nuint largest = SizeClasses.Count - 1;
        while (SlabCapacity.Grow(_slab.Slab, largest))
        {
            _slab.AssertInvariants();
        }

        Assert.Equal((int)(_slab.Slab->LargeBudgetBytes / SizeClasses.MaxSize), _slab.Capacity(largest));
    }

    [Fact]
    public void OneThatIsOverTheBudgetGrowsAtTheOthersExpense()
    {
        SpendBudget();
        GrowAgainAndAgain(20);
        Assert.InRange(_slab.Capacity(20) * (int)SizeClasses.Size(20), Budget / 2, Budget);
    }

    // A program that goes on from small objects to large ones: of those there are none yet that could give room.
    [Fact]
    public void LargeObjectsGrowAtTheSmallOnesExpense()
    {
        SpendBudget();
        nuint large = SizeClasses.Of(8192);
        Assert.Equal(0, _slab.Slab->LargeBytes);
        GrowAgainAndAgain(large);
        Assert.Equal((int)(_slab.Slab->LargeBudgetBytes / 8192), _slab.Capacity(large));

        // And no more than their own budget, at each other's.
        nuint larger = SizeClasses.Of(16384);
        nint small = _slab.Slab->CapacityBytes - _slab.Slab->LargeBytes;
        GrowAgainAndAgain(larger);
        Assert.InRange(_slab.Capacity(larger) * 16384, _slab.Slab->LargeBudgetBytes / 2, _slab.Slab->LargeBudgetBytes);
        Assert.Equal(small, _slab.Slab->CapacityBytes - _slab.Slab->LargeBytes);
    }

    // As a thread among many has: batches of all the classes that it uses would not fit.
    [Fact]
    public void ASmallBudgetHasSomeRoomForEachClass()
    {
        _slab = new SlabModel(64 << 10);
        int classes = (int)SizeClasses.Of(512);
        int[] most = new int[classes + 1];
        for (int i = 0; i < 100; i++)
        {
            for (int sizeClass = 1; sizeClass <= classes; sizeClass++)
            {
                SlabCapacity.Grow(_slab.Slab, (nuint)sizeClass);
                most[sizeClass] = i < 80 ? 0 : Math.Max(most[sizeClass], _slab.Capacity((nuint)sizeClass)); // others may take the last of it now and then
            }
        }

        _slab.AssertInvariants();
        Assert.All(most[1..], capacity => Assert.InRange(capacity, 1, 256));
    }

    [Fact]
    public void WhatMovesAtOnceIsAtMostHalfOfTheCapacityAndAnEighthOfMuch()
    {
        Assert.Equal(0, SlabCapacity.MoveOf(_slab.Slab, 4));
        for (int batch = SizeClasses.Batch(4); SlabCapacity.Grow(_slab.Slab, 4);)
        {
            int capacity = _slab.Capacity(4);
            int expected = Math.Min(capacity / 2, Math.Max(batch, Math.Min(capacity / 8, SizeClasses.MaxMove)));
            Assert.Equal(expected, SlabCapacity.MoveOf(_slab.Slab, 4));
        }

        Assert.Equal(SizeClasses.MaxMove, SlabCapacity.MoveOf(_slab.Slab, 4));

        nuint largest = SizeClasses.Count - 1;
        _slab = new SlabModel((nint)SizeClasses.MaxSize);
        Assert.True(SlabCapacity.Grow(_slab.Slab, largest));
        Assert.Equal((1, 1), (_slab.Capacity(largest), SlabCapacity.MoveOf(_slab.Slab, largest)));
    }

    // What a heap that falls frees next would stay in the slab else.
    [Fact]
    public void ASlabThatIsAskedForAllItHoldsLosesHalfOfItsRoom()
    {
        while (SlabCapacity.Grow(_slab.Slab, 4))
        {
        }

        int capacity = _slab.Capacity(4);
        for (int left = capacity; left > 1; left -= (left + 1) / 2)
        {
            _slab.Allocate(4);
            _slab.Free(4, 0);
            Assert.Equal(1, Slab.CountOf(_slab.Slab, 4));
            SlabDrain.Request();
            SlabDrain.Obey(_slab.Slab);
            Assert.Equal((0, left - (left + 1) / 2), (Slab.CountOf(_slab.Slab, 4), _slab.Capacity(4)));
            _slab.AssertInvariants();
        }
    }

    // What one class takes from another, the other would soon take back: batches come and go meanwhile.
    [Fact]
    public void TakingFromOthersIsRare()
    {
        SpendBudget();
        const int Asked = 8000;
        int grown = 0;
        for (int i = 0; i < Asked; i++)
        {
            grown += SlabCapacity.Grow(_slab.Slab, (nuint)(i % 20 + 20)) ? 1 : 0;
            _slab.AssertInvariants();
        }

        Assert.InRange(grown, 1, Asked / 4);
    }

    [Fact]
    public void TheOthersObjectsAreEvictedToTheTransferCache()
    {
        SpendBudget();
        for (nuint sizeClass = 11; sizeClass < SizeClasses.Count; sizeClass++)
        {
            Hold(Slab.RoomOf(_slab.Slab, sizeClass), of: sizeClass);
        }

        _slab.AssertNothingLost();
        GrowAgainAndAgain(10);

        Assert.Contains(Enumerable.Range(11, SizeClasses.Count - 11), c => Heap.Transfer((nuint)c)->Count > 0);
    }

    [Fact]
    public void AStackThatMovesKeepsItsObjectsInReach()
    {
        for (int i = 0; i < 12_000; i++)
        {
            _slab.Allocate(1);
        }

        while (_slab.Live(1) > 0)
        {
            _slab.Free(1, 0);
            _slab.AssertInvariants();
        }

        _slab.AssertNothingLost();
        Assert.Equal(SlabCapacity.MaxOf(1), _slab.Capacity(1));
    }

    [Fact]
    public void OnAnotherCpuNothingChanges()
    {
        SpendBudget();
        nint capacity = _slab.Slab->CapacityBytes;
        Shim.IsOnOtherCpu = () => true;
        Assert.All(Enumerable.Range(1, SizeClasses.Count - 1), c => Assert.False(SlabCapacity.Grow(_slab.Slab, (nuint)c)));
        Assert.Equal(capacity, _slab.Slab->CapacityBytes);
        _slab.AssertInvariants();
    }

    [Fact]
    public void AFullSlabRefusesToGrow()
    {
        _slab = new SlabModel(nint.MaxValue / 2, stackBytes: 4096);
        nuint touched = Metadata.TouchedBytes;
        foreach (nuint sizeClass in Enumerable.Range(1, SizeClasses.Count - 1).Select(c => (nuint)c))
        {
            while (SlabCapacity.Grow(_slab.Slab, sizeClass))
            {
                _slab.AssertInvariants();
            }
        }

        _slab.AssertInvariants();
        Assert.InRange(Metadata.TouchedBytes - touched, (nuint)1, (nuint)4096);
    }

    [Fact]
    public void WhereTheStacksHaveComeToTheEndAllBeginAnewOncePerPeriod()
    {
        _slab = new SlabModel(nint.MaxValue / 2);
        nuint stuck = GrowUntilStuck();
        int capacity = _slab.Capacity(stuck);
        Assert.False(SlabCapacity.Grow(_slab.Slab, stuck)); // in the same period
        Assert.Equal(capacity, _slab.Capacity(stuck));
        Hold(1000, of: 1);

        _slab.Slab->Period++;
        Assert.False(SlabCapacity.Grow(_slab.Slab, stuck));
        Assert.Equal(0, _slab.Slab->CapacityBytes);
        Assert.Equal((uint)(sizeof(Slab) + sizeof(void*)), Slab.PrepareStack(_slab.Slab, 1));
        _slab.AssertInvariants();
        _slab.AssertNothingLost();
        Assert.True(Heap.Transfer(1)->Count > 0);

        while (SlabCapacity.Grow(_slab.Slab, stuck))
        {
            _slab.AssertInvariants();
        }

        Assert.Equal(SlabCapacity.MaxOf(stuck), _slab.Capacity(stuck));
    }

    // A thread on its slow path may have left the slab's CPU, and looks at a class while another changes where its stack lies: at any of the
    // moments here, header and beginning are of two stacks.
    [Theory]
    [InlineData(1, Budget, 440)]
    [InlineData(2, 64 << 10, 5)]
    [InlineData(3, Budget, 8)]
    [InlineData(4, 4 << 20, 200)]
    public void WhoLooksWithoutTheLockSeesCountsWithinBounds(int seed, int budget, int stackKibibytes)
    {
        Random random = new(seed);
        _slab = new SlabModel(budget, (uint)stackKibibytes * 1024);
        int torn = 0;
        Shim.OnHeaderSwapped = () =>
        {
            for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
            {
                torn += _slab.IsTorn(sizeClass) ? 1 : 0;
                AssertCountsAreWithinBounds(sizeClass);
            }
        };
        for (int step = 0; step < 400; step++)
        {
            _slab.Slab->Period = step / 4;
            nuint sizeClass = (nuint)(1 + random.Next(25));
            Hold(random.Next(1, 300), sizeClass);
        }

        Shim.OnHeaderSwapped = null;
        Assert.True(torn > 0);
        _slab.AssertInvariants();
        _slab.AssertNothingLost();
    }

    // What the sequences' own CPU, or a release thread that has stopped the slab, may leave of a class between two of its stores.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    [InlineData(0, 2)]
    [InlineData(2, 0)]
    public void AHeaderOfOneStackAndTheBeginningOfAnotherAreWithinBounds(int headerOf, int beginOf)
    {
        // Three states of a class: without a stack, with a low one, with a high one.
        foreach ((int held, int capacity) in new[] { (0, 8), (3, 8), (8, 8), (0, 512), (512, 512) })
        {
            _slab = new SlabModel(Budget);
            uint low = Slab.PrepareStack(_slab.Slab, 512);
            uint high = low + 512 * (uint)sizeof(void*) + (uint)sizeof(void*);
            uint[] begins = [0, low, high];
            if (begins[beginOf] != 0)
            {
                Slab.KeepStack(_slab.Slab, 4, begins[beginOf], 512);
            }

            uint begin = begins[headerOf];
            uint places = (uint)sizeof(void*);
            _slab.Slab->Headers[4] = begin == 0 ? 0 : Slab.Header(begin + (uint)held * places, begin + (uint)capacity * places);
            AssertCountsAreWithinBounds(4);
            _slab.Slab->Headers[4] = 0;
            Slab.ForgetStack(_slab.Slab, 4);
        }
    }

    [Fact]
    public void OnAnotherCpuNoStackIsTakenBack()
    {
        _slab = new SlabModel(nint.MaxValue / 2);
        nuint stuck = GrowUntilStuck();
        Hold(1000, of: 1);
        nint capacity = _slab.Slab->CapacityBytes;
        _slab.Slab->Period++;
        Shim.IsOnOtherCpu = () => true;
        Assert.False(SlabCapacity.Grow(_slab.Slab, stuck));
        Assert.Equal(capacity, _slab.Slab->CapacityBytes);
        _slab.AssertInvariants();
        _slab.AssertNothingLost();
    }

    [Theory]
    [InlineData(1, Budget, 0, 440)]
    [InlineData(2, 512 << 10, 0, 440)]
    [InlineData(3, Budget, 20, 440)]
    [InlineData(4, 64 << 10, 5, 440)]
    [InlineData(5, Budget, 0, 8)]
    [InlineData(6, Budget, 10, 4)]
    public void KeepsItsInvariantsUnderRandomDemand(int seed, int budget, int migrationOneIn, int stackKibibytes)
    {
        Random random = new(seed);
        _slab = new SlabModel(budget, (uint)stackKibibytes * 1024);
        Shim.IsOnOtherCpu = migrationOneIn == 0 ? null : () => random.Next(migrationOneIn) == 0;
        for (int step = 0; step < 2500; step++)
        {
            _slab.Where = $"seed {seed}, step {step}";
            _slab.Slab->Period = step / 50;

            // A few classes are in demand at a time, mostly small ones.
            int phase = step / 250;
            nuint sizeClass = (nuint)(1 + (phase * 7 + random.Next(6)) % (random.Next(4) == 0 ? SizeClasses.Count - 1 : 25));
            int count = random.Next(1, sizeClass > 60 ? 6 : 100);
            bool allocate = random.Next(2) == 0;
            for (int i = 0; i < count; i++)
            {
                if (allocate)
                {
                    _slab.Allocate(sizeClass);
                }
                else if (_slab.Live(sizeClass) > 0)
                {
                    _slab.Free(sizeClass, random.Next(_slab.Live(sizeClass)));
                }
            }

            _slab.AssertInvariants();
            if (step % 50 == 0)
            {
                _slab.AssertNothingLost();
            }
        }

        _slab.AssertNothingLost();
    }

    [Fact]
    public void ADrainedSlabIsEmptyAndKeepsItsCapacity()
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            _slab.Allocate(sizeClass);
            _slab.Allocate(sizeClass);
            _slab.Free(sizeClass, 1);
        }

        nint capacity = _slab.Slab->CapacityBytes;
        SlabDrain.Stopped(_slab.Slab);
        Assert.All(Enumerable.Range(1, SizeClasses.Count - 1), c => Assert.Equal(0, Slab.CountOf(_slab.Slab, (nuint)c)));
        Assert.Equal(capacity, _slab.Slab->CapacityBytes);
        _slab.AssertInvariants();
        _slab.AssertNothingLost();
    }

    private void AssertCountsAreWithinBounds(nuint sizeClass)
    {
        const int MostPlaces = 448 * 1024 / 8;
        Assert.InRange(Slab.CountOf(_slab.Slab, sizeClass), 0, MostPlaces);
        Assert.InRange(Slab.CapacityOf(_slab.Slab, sizeClass), 0, MostPlaces);
        Assert.InRange(Slab.RoomOf(_slab.Slab, sizeClass), 0, MostPlaces);
        Assert.InRange(SlabCapacity.MoveOf(_slab.Slab, sizeClass), 0, SizeClasses.MaxMove);
        Assert.InRange(SlabCapacity.RefillOf(_slab.Slab, sizeClass), 1, SizeClasses.MaxMove);
    }

    private void GrowAgainAndAgain(nuint sizeClass)
    {
        for (int asked = 0; asked < 2000; asked++)
        {
            SlabCapacity.Grow(_slab.Slab, sizeClass);
            _slab.AssertInvariants();
            _slab.AssertNothingLost();
        }
    }

    // Lets one class after the other have its largest stack; the first for which there is no room.
    private nuint GrowUntilStuck()
    {
        nuint sizeClass = 0;
        do
        {
            sizeClass++;
            while (SlabCapacity.Grow(_slab.Slab, sizeClass))
            {
            }
        }
        while (_slab.Capacity(sizeClass) == SlabCapacity.MaxOf(sizeClass));
        return sizeClass;
    }

    // Has so many objects of a class allocated and freed, so that the slab holds what it has room for.
    private void Hold(int count, nuint of)
    {
        for (int i = 0; i < count; i++)
        {
            _slab.Allocate(of);
        }

        while (_slab.Live(of) > 0)
        {
            _slab.Free(of, 0);
        }
    }

    private void SpendBudget()
    {
        nuint sizeClass = 11;
        while (_slab.Slab->CapacityBytes + (nint)SizeClasses.Size(sizeClass) * SizeClasses.Batch(sizeClass) <= Budget)
        {
            Assert.True(SlabCapacity.Grow(_slab.Slab, sizeClass));
            sizeClass = sizeClass == 40 ? 11 : sizeClass + 1;
        }
    }
}

using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>When a thread looks at the clock, and what it then knows: <see cref="AllocationClock"/>, <see cref="LookDistance"/>, <see cref="Periods"/>.</summary>
public sealed unsafe class AllocationClockTests : AllocatorTest
{
    private long _now = 1000;

    private static ThreadState* Me => Shim.Thread();

    [Theory]
    [InlineData(100, 349, 250, 0)]
    [InlineData(100, 350, 250, 1)]
    [InlineData(100, 849, 250, 2)]
    [InlineData(100, 100 + 250L * 4000, 250, 4000)]
    [InlineData(0, long.MaxValue, 1, int.MaxValue)]
    [InlineData(100, 90, 250, 0)] // another thread has begun the next already
    [InlineData(10_000, 9_749, 250, 1)] // the clock went back
    [InlineData(1_000_000, 100, 250, 1)]
    [InlineData(100, 100, 0, 1)]
    [InlineData(100, 107, 0, 7)]
    public void AGapOfManyPeriodsIsMany(long begin, long now, long length, int ended) => Assert.Equal(ended, Periods.Ended(begin, now, length));

    [Theory]
    [InlineData(16)]
    [InlineData(100)]
    [InlineData(100_000)]
    public void ATightLoopLooksOnceInAThousand(long size)
    {
        AllocationClock.Set(Me, (nuint)size, _now);
        int looks = Allocate(size, 100_000, apart: 0);
        Assert.InRange(looks, 90, 3000);
        looks = Allocate(size, 100_000, apart: 0);
        Assert.InRange(looks, 90, 110);
    }

    // Whatever was allocated before, in a tight loop: it may have stopped in the middle of a distance.
    [Theory]
    [InlineData(16)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void LightUseLooksAtEachAllocation(long size)
    {
        Allocate(size, 100_000, apart: 0);
        Allocate(size, 1024, apart: 10);
        Assert.Equal(100, Allocate(size, 100, apart: 10));
        Assert.InRange(Allocate(size, 1000, apart: 1), 100, 500); // a hundred times a second
    }

    // One that no cache had is the first of many, perhaps, of which all others are in caches.
    [Theory]
    [InlineData(16)]
    [InlineData(1000)]
    public void WhoTurnsToSmallerOnesLooksOnceInAThousandOfThem(long size)
    {
        Allocate(100_000, 100_000, apart: 0);
        long gone = AllocationClock.GoneBy(Me);
        Assert.InRange(Me->Countdown, 10 << 20, long.MaxValue);
        AllocationClock.Fit(Me, (nuint)size);
        Assert.Equal(gone, AllocationClock.GoneBy(Me));
        Allocate(size, 1025, apart: 10);
        Assert.Equal(100, Allocate(size, 100, apart: 10));

        long left = Me->Countdown;
        AllocationClock.Fit(Me, (nuint)size);
        Assert.Equal(left, Me->Countdown);
    }

    [Fact]
    public void AFreedHeapBringsTheLookToTheNextAllocationHoweverSmall()
    {
        Allocate(100_000, 100_000, apart: 0);
        Assert.InRange(Me->Countdown, 1 << 20, long.MaxValue);
        int looks = 0;
        for (int i = 0; i < 100; i++)
        {
            AllocationClock.Shorten(Me, 100_000);
            looks += Look(0);
        }

        Assert.InRange(looks, 10, 30); // and time passes, though nothing is allocated
        Assert.InRange(Me->Countdown, -1, 15);
        Assert.Equal(1, Allocate(16, 1, apart: 0));
    }

    // In a process that was restored on another machine.
    [Fact]
    public void AClockThatWentBackBringsTheNextLook()
    {
        Allocate(1000, 100_000, apart: 0);
        _now -= 900;
        Me->Countdown = -1;
        Look(1000);
        Assert.Equal(10, Allocate(16, 10, apart: 10));
    }

    [Fact]
    public void OneLargeFreeSuffices()
    {
        Allocate(100_000, 100_000, apart: 0);
        AllocationClock.Shorten(Me, Me->Countdown + 1);
        Assert.Equal(1, Allocate(16, 1, apart: 0));
    }

    [Fact]
    public void HowManyBytesWentByIsExact()
    {
        AllocationClock.Set(Me, 100, _now);
        Me->Countdown = Me->Distance + 9_999; // whatever it was set to
        Me->Distance += 10_000;
        AllocationClock.Count(Me, 1234);
        Assert.Equal(1234, AllocationClock.GoneBy(Me));
        AllocationClock.Shorten(Me, 500);
        Assert.Equal(1234, AllocationClock.GoneBy(Me));
        AllocationClock.Count(Me, 66);
        AllocationClock.CountBack(Me, 66);
        AllocationClock.Shorten(Me, 1_000_000);
        Assert.Equal(1234, AllocationClock.GoneBy(Me));
    }

    // What there cannot be is counted by the fast path nevertheless, and may turn the countdown over.
    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    [InlineData((1UL << 63) - 1)]
    public void WhatWasNotHadDoesNotCount(ulong size)
    {
        Allocate(100, 10, apart: 0);
        long before = Me->Countdown;
        AllocationClock.Count(Me, (nuint)size);
        AllocationClock.CountBack(Me, (nuint)size);
        Assert.Equal(before, Me->Countdown);
    }

    // Allocates so many blocks, so many milliseconds after one another; returns the looks.
    private int Allocate(long size, int count, long apart)
    {
        int looks = 0;
        for (int i = 0; i < count; i++)
        {
            _now += apart;
            AllocationClock.Count(Me, (nuint)size);
            looks += Look(size);
        }

        return looks;
    }

    private int Look(long size)
    {
        if (!AllocationClock.IsDue(Me))
        {
            return 0;
        }

        AllocationClock.Set(Me, (nuint)size, _now);
        return 1;
    }
}

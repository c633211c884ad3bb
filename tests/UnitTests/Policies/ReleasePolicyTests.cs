using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The rule for free memory alone, over simulated demand: a heap whose free rows are always long enough, and time in steps of 10 ms.</summary>
public sealed class ReleasePolicyTests
{
    private const int MiB = (1 << 20) >> PageMap.PageShift;
    private const int Period = 250;
    private const int Step = 10;
    private const nint NoLimit = 1 << 30;
    private const int WindowEnds = (ReleasePolicy.Window + 1) * Period;

    private ReleasePolicy _policy;
    private nint _used;
    private nint _free;
    private nint _faulted;
    private nint _released;
    private bool _refuses;
    private int _now;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(10)]
    public void WhatComesAndGoesIsFaultedInTwiceAndGoesWhenItStops(int timesASecond)
    {
        const int Size = 64 * MiB;
        for (int burst = 0; burst < 20; burst++)
        {
            Rise(Size, 30);
            Assert.Equal(Size, _used);
            Fall(0);
            Pass(1000 / timesASecond - 30);
        }

        Assert.InRange(_faulted, Size, 2 * Size);
        Assert.True(_free >= Size);
        Pass(2000);
        Assert.Equal(0, _free);
        Rise(Size, 30);
        Fall(0);
        Assert.InRange(_free, 0, 3 * ReleasePolicy.LeastKept); // what was learned is forgotten
    }

    // Of a little that lies free a program that is quiet for a period needs none; one that comes back has it for longer the next time.
    [Fact]
    public void ALittleThatNobodyNeedsGoesAfterAPeriodUnlessItIsWantedAgain()
    {
        for (int burst = 0; burst < 5; burst++)
        {
            Rise(3 * MiB, 0);
            Fall(0);
            Pass(600);
            Assert.Equal(burst > 0 ? 3 * MiB : 0, _free);
        }

        Assert.Equal(2 * 3 * MiB, _faulted);
    }

    [Fact]
    public void WhatComesSeldomGoesEachTimeAtOnce()
    {
        for (int burst = 0; burst < 5; burst++)
        {
            Rise(64 * MiB, 30);
            Fall(0);
            Assert.InRange(_free, 0, ReleasePolicy.LeastKept * 9 / 8);
            Pass(2 * WindowEnds);
            Assert.Equal(0, _free);
        }
    }

    [Fact]
    public void SmallerBurstsKeepLess()
    {
        Bursts(5, 300 * MiB);
        Assert.True(_free >= 300 * MiB);
        Bursts(10, 40 * MiB);
        Assert.InRange(_free, 40 * MiB, 40 * MiB + 3 * ReleasePolicy.LeastKept);
    }

    [Fact]
    public void AHeapOnALargerOneIsLearnedAsWell()
    {
        Rise(500 * MiB, 100);
        for (int burst = 0; burst < 10; burst++)
        {
            Rise(700 * MiB, 30);
            Fall(500 * MiB);
            Pass(300);
        }

        Assert.InRange(_faulted, 700 * MiB, 900 * MiB);
        Fall(0);
        Assert.InRange(_free, 200 * MiB, 260 * MiB); // once more for one window
        Pass(WindowEnds + Period);
        Assert.Equal(0, _free);
    }

    [Fact]
    public void AGrowingHeapGivesNothingBack()
    {
        for (int size = 1; size < 400; size++)
        {
            Rise(size * MiB, Step);
        }

        Assert.Equal((0, 399 * MiB), (_released, _faulted));
    }

    // A sixteenth of the heap is not worth a fault, nor are the same pages twice.
    [Fact]
    public void SteadyChurnFaultsLittle()
    {
        Random random = new(1);
        Rise(300 * MiB, 100);
        nint before = _faulted;
        const int Steps = 2000;
        for (int step = 0; step < Steps; step++)
        {
            nint size = (250 + random.Next(50)) * MiB;
            Fall(size < _used ? size : _used);
            Rise(size, 0);
            Pass(Step);
        }

        nint windows = Steps * Step / (ReleasePolicy.Window * Period);
        Assert.InRange(_faulted - before, 0, 50 * MiB + windows * 10 * MiB);
    }

    // However demand goes: what nobody needed for a window and the period under way is not there any more.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void NothingLiesFreeLongerThanTheWindow(int seed)
    {
        Random random = new(seed);
        List<nint> kept = []; // what lies free, and all that ever went back
        for (int step = 0; step < 3000; step++)
        {
            nint size = (nint)(Math.Pow(random.NextDouble(), 3) * 300 * MiB);
            if (random.Next(100) < 3 && size > _used)
            {
                Rise(size, 0);
            }
            else if (random.Next(100) < 5 && size < _used)
            {
                Fall(size);
            }

            Pass(Step);
            kept.Add(_free + _released);
            int steps = (WindowEnds + Period) / Step;
            Assert.True(kept.Count < steps || kept.TakeLast(steps).Min() <= _released, $"at {_now} ms");
        }
    }

    [Fact]
    public void AGapOfManyPeriodsIsManyPeriods()
    {
        Bursts(5, 64 * MiB);
        _policy.EndPeriods(1, _free, 100); // the burst was in the last
        Release();
        Assert.True(_free >= 64 * MiB);
        _policy.EndPeriods(ReleasePolicy.Window, _free, 100);
        Release();
        Assert.Equal(0, _free);
    }

    // NATIVEMALLOC_RELEASE_DELAY=0: each time that somebody comes by is the end of all periods.
    [Fact]
    public void WithoutADelayNothingIsKeptOrLearned()
    {
        for (int burst = 0; burst < 5; burst++)
        {
            Rise(64 * MiB, 0);
            Fall(0);
            _policy.EndPeriods(int.MaxValue, _free, 100);
            Release();
            _policy.EndPeriods(int.MaxValue, _free, 100);
            Release();
            Assert.Equal(0, _free);
        }

        Assert.Equal(5 * 64 * MiB, _faulted);
    }

    // mlock has the kernel refuse: that is no release, so nothing is learned from it.
    [Fact]
    public void WhatWasRefusedTeachesNothing()
    {
        _refuses = true;
        Bursts(5, 64 * MiB);
        Assert.Equal(64 * MiB, _faulted);
        Assert.Equal(ReleasePolicy.LeastKept, _policy.Kept(_used, NoLimit));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-100)]
    [InlineData(2 * MiB)]
    public void ALimitLeavesWhatItHasRoomFor(int room)
    {
        Bursts(5, 64 * MiB);
        Assert.Equal(Math.Max(0, room), _policy.Kept(_used, room));
        Assert.Equal(_free - Math.Max(0, room), _policy.Due(100000 * MiB, _free, room)); // by however little it is too much
    }

    [Fact]
    public void OfWhatIsIdleThatPercentageGoesBackEachPeriod()
    {
        Rise(4 * MiB, 0);
        Fall(0);
        _policy.EndPeriods(ReleasePolicy.Window + 1, _free, 25);
        Assert.Equal(MiB, _policy.Due(_used, _free, NoLimit));
        Release();
        _policy.EndPeriods(1, _free, 25);
        Assert.Equal(MiB * 3 / 4, _policy.Due(_used, _free, NoLimit));
    }

    private void Bursts(int count, nint size)
    {
        for (int burst = 0; burst < count; burst++)
        {
            Rise(size, 30);
            Fall(0);
            Pass(500);
        }
    }

    // By blocks of 256 KiB.
    private void Rise(nint to, int milliseconds)
    {
        while (_used < to)
        {
            nint pages = Math.Min(MiB / 4, to - _used);
            nint fresh = Math.Max(0, pages - _free);
            _used += pages;
            _free -= pages - fresh;
            _faulted += fresh;
            _policy.OnTaken(_free, fresh);
            Release();
        }

        Pass(milliseconds);
    }

    private void Fall(nint to)
    {
        while (_used > to)
        {
            nint pages = Math.Min(MiB / 4, _used - to);
            _used -= pages;
            _free += pages;
            _policy.OnGiven(_free);
            Release();
        }
    }

    private void Pass(int milliseconds)
    {
        for (int end = _now + milliseconds; _now < end; _now += Step)
        {
            if (_now % Period < Step)
            {
                _policy.EndPeriods(1, _free, 100);
            }

            Release();
        }
    }

    private void Release()
    {
        nint due = _policy.Due(_used, _free, NoLimit);
        Assert.InRange(due, 0, _free);
        if (due > 0 && !_refuses)
        {
            _free -= due;
            _released += due;
            _policy.OnReleased(due);
        }
    }
}

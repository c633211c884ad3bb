using System;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What the rules promise, together, over what programs were recorded to want.</summary>
public sealed class DemandTests
{
    private const long Window = (ReleasePolicy.Window + 1) * SimulatedHeap.Period;

    private readonly SimulatedHeap _heap = new();

    public static TheoryData<string, bool> Programs()
    {
        TheoryData<string, bool> data = [];
        foreach (string name in Demand.Names)
        {
            data.Add(name, true);
            data.Add(name, false);
        }

        return data;
    }

    // Nothing is kept that was not of use lately: what an operator is told.
    [Theory]
    [MemberData(nameof(Programs))]
    public void ResidentIsAtMostWhatWasInUseWithinTheWindowAndALittle(string name, bool busy)
    {
        foreach (Demand.Sample sample in Demand.Of(name))
        {
            _heap.PassTo(sample.Milliseconds, busy);
            AssertBounded();
            _heap.Use(sample.SmallBytes, sample.LargeBytes);
            AssertBounded();
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void WhatLiesIdleIsGoneAfterTheWindow(string name, bool busy)
    {
        Run(name, busy);
        _heap.Use(0, 0);
        _heap.PassTo(_heap.Now + Window + SimulatedHeap.Period, busy);
        Assert.Equal((0, 0), (_heap.Used, _heap.Free));
        Assert.False(_heap.Occupancy.IsFalling);
    }

    // A heap that comes and goes is faulted in twice, and then no more.
    [Theory]
    [MemberData(nameof(Programs))]
    public void LittleIsWantedAgainSoonAfterItWent(string name, bool busy)
    {
        Run(name, busy);
        Assert.InRange(_heap.Thrashed << PageMap.PageShift, 0, Peak(name));
    }

    [Fact]
    public void BurstsAreFaultedInOnceMore()
    {
        for (int burst = 0; burst < 100; burst++)
        {
            _heap.Use(32 << 20, 64 << 20);
            _heap.PassTo(_heap.Now + 20, busy: true);
            _heap.Use(0, 0);
            _heap.PassTo(_heap.Now + 200, busy: true);
        }

        Assert.InRange(_heap.Thrashed << PageMap.PageShift, 1, 96 << 20);
    }

    [Fact]
    public void WhatNeverCameBackGoesAtOnceButForAQuarterOfTheHeap()
    {
        _heap.Use(200 << 20, 0);
        _heap.PassTo(_heap.Now + 10_000, busy: true);
        for (long left = 200; left >= 0; left--)
        {
            _heap.Use(left << 20, 0);
            Assert.InRange(_heap.Free, 0, Math.Max(ReleasePolicy.LeastKept, _heap.Used / 4) + (_heap.Used + _heap.Free) / 16);
        }
    }

    // Each time lower by half than the time before.
    [Fact]
    public void CachesOfAHeapThatComesAndGoesAreLeftAlone()
    {
        for (int burst = 0; burst < 200; burst++)
        {
            _heap.Use(32 << 20, 0);
            _heap.PassTo(_heap.Now + 10, busy: true);
            _heap.Use(2 << 20, 0);
            _heap.PassTo(_heap.Now + 10, busy: true);
        }

        Assert.InRange(_heap.MostFalls, 1, 4);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void CachesAreEmptiedAFewTimesInAPeriod(string name, bool busy)
    {
        Run(name, busy);
        Assert.InRange(_heap.MostFalls, 0, 10);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void CachesHoldAQuarterOfTheHeapOrLittle(string name, bool busy)
    {
        foreach (Demand.Sample sample in Demand.Of(name))
        {
            _heap.PassTo(sample.Milliseconds, busy);
            _heap.Use(sample.SmallBytes, sample.LargeBytes);
            nuint peak = _heap.Occupancy.Peak;
            bool falls = _heap.Occupancy.IsFalling;
            foreach (int slabs in new[] { 1, 2, 16, 256 })
            {
                foreach (nint one in new[] { SlabBudget.ForCpu(slabs, SlabBudget.Whole / slabs, peak, falls), SlabBudget.ForThread(slabs, peak, falls) })
                {
                    Assert.InRange(one, 64 << 10, 6 << 20);
                    Assert.True(one * slabs <= Largest((nint)peak / 4, 6 << 20, slabs * (64 << 10)));
                    Assert.True(!falls || one <= Largest((nint)peak / 4, 64 << 10));
                }
            }

            long transfer = Enumerable.Range(1, SizeClasses.Count - 1).Select(one => (long)SizeClasses.Size((nuint)one)).Sum(size => TransferRoom.Most((int)size, peak) * size);
            Assert.InRange(transfer, 0, Largest((nint)peak / 3, SizeClasses.Count * (16 << 10)));
        }
    }

    private void AssertBounded()
    {
        nint most = _heap.MostUsedSince(Window + SimulatedHeap.Period) + ReleasePolicy.LeastKept;
        Assert.InRange(_heap.Used + _heap.Free, 0, most + most / 15);
    }

    private void Run(string name, bool busy)
    {
        foreach (Demand.Sample sample in Demand.Of(name))
        {
            _heap.PassTo(sample.Milliseconds, busy);
            _heap.Use(sample.SmallBytes, sample.LargeBytes);
        }
    }

    private static long Peak(string name) => Demand.Of(name).Max(sample => sample.SmallBytes + sample.LargeBytes);

    private static nint Largest(params nint[] numbers) => numbers.Max();
}

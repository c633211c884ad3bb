using Xunit;

namespace NativeMalloc.UnitTests;

public sealed class ShortRowsTests
{
    private const int Used = 10_000;

    private ShortRows _rows;

    [Fact]
    public void AsMuchGoesAsTheHeapGrewByForSmallObjects()
    {
        _rows.OnTaken(Used, withoutMemory: 300);
        Assert.Equal(300, _rows.Due(Used - 500, free: 900)); // of 400 beyond what was ever used
        _rows.OnReleased(200);
        Assert.Equal(100, _rows.Due(Used - 500, free: 900));
        _rows.OnReleased(100);
        Assert.Equal(0, _rows.Due(Used - 500, free: 900));
    }

    [Fact]
    public void LargeBlocksEarnNothing()
    {
        _rows.OnTaken(Used, withoutMemory: 0);
        Assert.Equal(0, _rows.Due(0, free: 2 * Used));
    }

    [Fact]
    public void WhatWasTakenBeforeThisPeriodIsNoReason()
    {
        _rows.OnTaken(Used, withoutMemory: Used);
        _rows.EndPeriods();
        Assert.Equal(0, _rows.Due(Used - 500, free: 900));
        _rows.OnTaken(Used, withoutMemory: 100);
        Assert.Equal(100, _rows.Due(Used - 500, free: 900));
        _rows.OnReleased(100);
        _rows.EndPeriods();
        Assert.Equal(0, _rows.Due(Used - 500, free: 900));
    }

    [Fact]
    public void WhatWasOnceUsedMayLieFree()
    {
        _rows.OnTaken(Used, withoutMemory: Used);
        Assert.Equal(0, _rows.Due(Used / 2, free: Used / 2));
        Assert.Equal(0, _rows.Due(Used / 2, free: Used / 2 + (int)ShortRows.LeastSlack - 1));
        Assert.Equal(ShortRows.LeastSlack, _rows.Due(Used / 2, free: Used / 2 + (int)ShortRows.LeastSlack));
    }

    // A heap of two shapes by turns has for each what serves the other no further: it pays for a time, and then it has both.
    [Theory]
    [InlineData(20)]
    [InlineData(1_000)]
    [InlineData(Used)]
    public void NobodyPaysForEver(int excess)
    {
        long paid = 0;
        long lastPaid = -1;
        int free = 0;
        for (int turn = 0; paid != lastPaid; turn++)
        {
            lastPaid = paid;
            int without = excess - free; // what went the last time is taken anew
            _rows.OnTaken(Used, without);
            free = excess;
            int due = (int)_rows.Due(Used, free);
            _rows.OnReleased(due);
            free -= due;
            paid += due;
            Assert.True(turn < 1_000, "it still pays");
        }

        Assert.InRange(paid, excess, ShortRows.ReleasesForPage * excess);
    }
}

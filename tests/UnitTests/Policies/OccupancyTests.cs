using Xunit;

namespace NativeMalloc.UnitTests;

public sealed class OccupancyTests
{
    private const nuint Much = 1 << 30;

    private Occupancy _occupancy = Occupancy.Begin();

    [Fact]
    public void AHeapThatFallsToLessThanHalfHasSmallerCaches()
    {
        Assert.False(_occupancy.FallsWith(Much));
        Assert.False(_occupancy.IsFalling);
        nint usual = SlabBudget.ForCpu(1, SlabBudget.Whole, 0, _occupancy.IsFalling);

        Assert.False(_occupancy.FallsWith(Much / 2));
        Assert.True(_occupancy.FallsWith(Much / 2 - Much / 16));
        Assert.False(_occupancy.FallsWith(Much / 2 - Much / 16)); // once
        Assert.True(_occupancy.IsFalling);
        Assert.InRange(_occupancy.Peak, Much / 8, Much / 2);
        Assert.InRange(SlabBudget.ForCpu(1, SlabBudget.Whole, 0, _occupancy.IsFalling), 1, usual / 16);
        Assert.Equal(usual, SlabBudget.ForCpu(1, SlabBudget.Whole, Much, _occupancy.IsFalling)); // of what is left it still has its part

        EndPeriods(1);
        Assert.True(_occupancy.IsFalling);
        EndPeriods(1);
        Assert.False(_occupancy.IsFalling);
        Assert.Equal(usual, SlabBudget.ForCpu(1, SlabBudget.Whole, 0, _occupancy.IsFalling));
    }

    [Fact]
    public void AHeapThatComesBackIsNotFalling()
    {
        _occupancy.FallsWith(Much);
        _occupancy.FallsWith(Much / 16);
        Assert.True(_occupancy.IsFalling);
        _occupancy.FallsWith(Much / 16 * 9);
        Assert.True(_occupancy.IsFalling);
        _occupancy.FallsWith(Much / 16 * 17);
        Assert.False(_occupancy.IsFalling);
        Assert.False(_occupancy.FallsWith(Much / 2)); // next time it must fall to a quarter
        Assert.True(_occupancy.FallsWith(Much / 4));
    }

    // However often it came and went: a few quiet periods, and half will do.
    [Fact]
    public void AHeapThatCameAndWentManyTimesFallsByHalfAgainSoonAfter()
    {
        int emptied = 0;
        for (int time = 0; time < 1000; time++)
        {
            _occupancy.FallsWith(Much);
            emptied += _occupancy.FallsWith(1) ? 1 : 0;
        }

        Assert.InRange(emptied, 1, 40);
        EndPeriods(6);
        _occupancy.FallsWith(Much);
        Assert.True(_occupancy.FallsWith(Much / 2 - Much / 16));
    }

    [Fact]
    public void AfterAGapOfManyPeriodsItIsAsAtFirst()
    {
        _occupancy.FallsWith(Much);
        _occupancy.FallsWith(Much / 4);
        _occupancy.FallsWith(Much);
        _occupancy.EndPeriods(int.MaxValue);
        Assert.False(_occupancy.IsFalling);
        Assert.True(_occupancy.FallsWith(Much / 2 - Much / 16));
    }

    private void EndPeriods(int count)
    {
        for (int period = 0; period < count; period++)
        {
            _occupancy.EndPeriods(1);
        }
    }
}

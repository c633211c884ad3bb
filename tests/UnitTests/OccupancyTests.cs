using Xunit;

namespace NativeMalloc.UnitTests;

public sealed class OccupancyTests : AllocatorTest
{
    private const nuint Much = 1 << 30;

    [Fact]
    public void AHeapThatFallsToLessThanHalfHasSmallerCaches()
    {
        Assert.False(Occupancy.FallsWith(Much));
        Assert.False(Occupancy.IsFalling);
        nint usual = SlabBudget.ForCpu(1, SlabBudget.Whole, 0);

        Assert.False(Occupancy.FallsWith(Much / 2));
        Assert.True(Occupancy.FallsWith(Much / 2 - Much / 16));
        Assert.False(Occupancy.FallsWith(Much / 2 - Much / 16)); // once
        Assert.True(Occupancy.IsFalling);
        Assert.InRange(Occupancy.Peak, Much / 8, Much / 2);
        Assert.InRange(SlabBudget.ForCpu(1, SlabBudget.Whole, 0), 1, usual / 16);
        Assert.Equal(usual, SlabBudget.ForCpu(1, SlabBudget.Whole, Much)); // of what is left it still has its part

        EndPeriods(1);
        Assert.True(Occupancy.IsFalling);
        EndPeriods(1);
        Assert.False(Occupancy.IsFalling);
        Assert.Equal(usual, SlabBudget.ForCpu(1, SlabBudget.Whole, 0));
    }

    [Fact]
    public void AHeapThatComesBackIsNotFalling()
    {
        Occupancy.FallsWith(Much);
        Occupancy.FallsWith(Much / 16);
        Assert.True(Occupancy.IsFalling);
        Occupancy.FallsWith(Much / 16 * 9);
        Assert.True(Occupancy.IsFalling);
        Occupancy.FallsWith(Much / 16 * 17);
        Assert.False(Occupancy.IsFalling);
        Assert.False(Occupancy.FallsWith(Much / 2)); // next time it must fall to a quarter
        Assert.True(Occupancy.FallsWith(Much / 4));
    }

    private static void EndPeriods(int count)
    {
        for (int period = 0; period < count; period++)
        {
            Occupancy.EndPeriod();
        }
    }
}

using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What lies between one CPU's slab and another's.</summary>
public sealed class TransferRoomTests
{
    [Theory]
    [InlineData(0, 16 << 10)]
    [InlineData(20 << 20, 32 << 10)]
    [InlineData(1 << 30, 512 << 10)]
    public void ItGrowsWithTheHeap(int heap, int bytes) => Assert.Equal(bytes / 512, TransferRoom.Most(512, 32, (nuint)heap));

    // The arrays are never given back: all that a cache had together are little more than the last.
    [Fact]
    public void AFewStepsLeadToTheBound()
    {
        int most = TransferRoom.Most(16, 32, 1 << 30);
        int steps = 0;
        for (int capacity = 0; capacity < most; steps++)
        {
            int next = TransferRoom.Next(capacity, 16, 32, 1 << 30);
            Assert.InRange(next, 2 * capacity < most ? 2 * capacity : most, most);
            capacity = next;
        }

        Assert.InRange(steps, 1, 6);
        Assert.Equal(most, TransferRoom.Next(most, 16, 32, 1 << 30));
    }

    [Fact]
    public void WhereTheHeapHasFallenNoMoreIsWanted() => Assert.True(TransferRoom.Next(5000, 16, 32, 0) < 5000);
}

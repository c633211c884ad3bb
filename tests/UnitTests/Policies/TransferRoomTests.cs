using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What lies between one CPU's slab and another's.</summary>
public sealed class TransferRoomTests
{
    [Theory]
    [InlineData(0, 4 << 10)]
    [InlineData(20 << 20, 40 << 10)]
    [InlineData(1 << 30, 2 << 20)]
    public void ItGrowsWithTheHeap(int heap, int bytes) => Assert.Equal(bytes / 512, TransferRoom.Most(512, (nuint)heap));

    // The arrays are never given back: all that a cache had together are little more than the last.
    [Fact]
    public void AFewStepsLeadToTheBound()
    {
        int most = TransferRoom.Most(16, 1 << 30);
        int steps = 0;
        for (int capacity = 0; capacity < most; steps++)
        {
            int next = TransferRoom.Next(capacity, 16, 32, 1 << 30);
            Assert.InRange(next, 2 * capacity, most);
            capacity = next;
        }

        Assert.InRange(steps, 1, 8);
        Assert.Equal(most, TransferRoom.Next(most, 16, 32, 1 << 30));
    }

    // Nor is the array made anew for a little more.
    [Theory]
    [InlineData(0)]
    [InlineData(12 << 20)]
    public void NoMoreIsWantedThanTheHeapHasRoomFor(int heap) => Assert.Equal(1000, TransferRoom.Next(1000, 16, 32, (nuint)heap));

    // While the heap is small, an object of a few pages kept in each class is more than the rest of it.
    [Fact]
    public void ASmallHeapKeepsNoLargeObjects() => Assert.Equal(0, TransferRoom.Next(0, 32 << 10, 2, 1 << 20));
}

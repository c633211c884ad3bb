using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class AddressSetTests : AllocatorTest
{
    [Fact]
    public void EachAddressIsNewOnce()
    {
        ulong[] places = [.. Enumerable.Repeat(5UL, 1000)];
        fixed (ulong* start = places)
        {
            AddressSet set = new(start, places.Length);
            for (int i = 0; i < 2000; i++)
            {
                Assert.Equal(i < 1000, set.Add(0x7f00_0000_0000 + (ulong)(i % 1000) * 16));
            }

            Assert.False(set.Add(1)); // full
        }
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(3u)]
    [InlineData(64u)]
    public void PartsAreOfAboutTheSameSize(uint parts)
    {
        int[] sizes = new int[parts];
        for (ulong i = 0; i < 100_000; i++)
        {
            sizes[AddressSet.PartOf(0x5555_0000_1234 + i * 5, parts)]++;
        }

        Assert.All(sizes, size => Assert.InRange(size, 80_000 / (int)parts, 120_000 / (int)parts));
    }
}

using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class AddressSetTests : AllocatorTest
{
    // 7,000 places are for tables of 1,024, 2,048 and, if there were, 4,096: then the second one is filled to its last place.
    [Theory]
    [InlineData(7_000, 100, 100)]
    [InlineData(7_000, 875, 875)]
    [InlineData(7_000, 2048, 2048)]
    [InlineData(7_000, 3000, 2048)]
    [InlineData(7_168, 3000, 3000)]
    [InlineData(1_024, 2000, 1024)]
    public void EachAddressIsNewOnce(int room, int addresses, int expected)
    {
        ulong[] places = [.. Enumerable.Repeat(5UL, room + 1)];
        fixed (ulong* start = places)
        {
            AddressSet set = new(start, room);
            for (int i = 0; i < 2 * addresses; i++)
            {
                Assert.Equal(i < expected, set.Add(0x7f00_0000_0000 + (ulong)(i % addresses) * 16));
            }

            Assert.Equal(expected < addresses || expected == 2048 || expected == 1024, !set.Add(1)); // full
        }

        Assert.Equal(5UL, places[room]);
    }

    [Fact]
    public void ASmallSetTouchesLittle()
    {
        ulong[] places = [.. Enumerable.Repeat(5UL, 64 << 10)];
        fixed (ulong* start = places)
        {
            AddressSet set = new(start, places.Length);
            for (ulong i = 1; i <= 500; i++)
            {
                Assert.True(set.Add(i));
            }
        }

        Assert.All(places[1024..], place => Assert.Equal(5UL, place));
    }

    [Theory]
    [InlineData(7_168)]
    [InlineData(10_000)]
    [InlineData(14_335)]
    [InlineData(64 << 10)]
    public void ThereIsRoomForAsManyAsPromised(int room)
    {
        ulong[] places = new ulong[room];
        fixed (ulong* start = places)
        {
            AddressSet set = new(start, room);
            for (int i = 1; i <= 2 * AddressSet.MostIn(room); i++)
            {
                Assert.True(set.Add((ulong)i << 12));
            }
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

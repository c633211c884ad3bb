using System.Linq;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class FoldedProfileTests : AllocatorTest
{
    public FoldedProfileTests()
    {
        FakeProfile.Reset();
        FakeProfile.SetMaps(
            "10000000-10010000 r--p 00000000 fe:01 70                                 /usr/lib/a;b c.so",
            "10010000-10020000 r-xp 00010000 fe:01 70                                 /usr/lib/a;b c.so",
            "20010000-20020000 r-xp 00000000 fe:01 71                                 /usr/bin/program");
    }

    [Theory]
    [InlineData(StackEnd.Whole, "")]
    [InlineData(StackEnd.Deep, "[more frames];")]
    [InlineData(StackEnd.Lost, "[frames unknown];")]
    [InlineData(StackEnd.Unreadable, "[frames unreadable];")]
    internal void ALineIsAStackFromTheOutermostFunctionOn(StackEnd end, string start)
    {
        FakeProfile.Add([0x10010201, 0x20010301, 0x30000001], FakeProfile.Blocks(3, 300.4), end: end);
        Assert.Equal(start + "0x30000000;program+0x300;a_b_c.so+0x10200 300\n", Write());
    }

    [Theory]
    [InlineData(ProfileValue.InUse, 100)]
    [InlineData(ProfileValue.Allocated, 900)]
    [InlineData(ProfileValue.Peak, 400)]
    [InlineData(ProfileValue.Held, 7000)]
    internal void ItsNumberIsOfWhatIsAskedFor(ProfileValue value, int expected)
    {
        FakeProfile.Add([0x20010301], FakeProfile.Blocks(1, 100), FakeProfile.Blocks(9, 900), FakeProfile.Blocks(4, 400), 7000);
        FakeProfile.Add([0x20010401], default);
        Assert.Equal($"program+0x300 {expected}\n", Write(value));
    }

    [Fact]
    public void StacksWithoutFramesHaveALineToo()
    {
        FakeProfile.Add([], FakeProfile.Blocks(1, 100), end: StackEnd.NoRoom);
        FakeProfile.Add([], FakeProfile.Blocks(1, 100));
        Assert.Equal("[no room for this stack] 100\n[frames unknown] 100\n", Write());
    }

    private static string Write(ProfileValue value = ProfileValue.InUse)
    {
        Assert.True(ProfileScratch.Take(out ProfileScratch scratch));
        Assert.Equal(0, FoldedProfile<FakeProfile>.Write(7, scratch, value));
        ProfileScratch.Give(scratch);
        return Encoding.UTF8.GetString([.. Os.Written.SelectMany(piece => piece)]);
    }
}

using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>From which sizes of a heap on huge pages are worth it.</summary>
public sealed class HugePageUseTests
{
    [Fact]
    public void AHugePageIsAtMostAQuarterOfTheHeapThatAsksForIt()
    {
        Assert.True(HugePageUse.IsSmall(0) && HugePageUse.IsSmall(4 * PageMap.HugePageSize));
        Assert.False(HugePageUse.IsSmall(5 * PageMap.HugePageSize));
    }

    // Two more for each, of 65,530 that a process may have.
    [Fact]
    public void MappingsAreLeftForTheProgram()
    {
        long kept = 0;
        while (HugePageUse.MayKeepSmall(kept))
        {
            kept++;
        }

        Assert.InRange(kept * 2, 800, 65_530 / 4);
    }
}

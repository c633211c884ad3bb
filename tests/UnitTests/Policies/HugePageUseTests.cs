using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>From which sizes of a heap on huge pages are worth it.</summary>
public sealed class HugePageUseTests
{
    [Fact]
    public void AHeapIsOfSmallPagesThenOfWhatTheKernelMakesThenAsksForHugeOnes()
    {
        Assert.True(HugePageUse.IsSmall(0) && HugePageUse.IsSmall(60 << 20));
        Assert.False(HugePageUse.IsSmall(100 << 20) || HugePageUse.AsksForHuge(100 << 20));
        Assert.True(HugePageUse.AsksForHuge(1 << 30));
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

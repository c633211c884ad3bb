using Xunit;

namespace NativeMalloc.UnitTests;

public sealed class IdleStepTests
{
    [Fact]
    public void AStepEndsAfterSoManyPagesCallsAndLooks()
    {
        IdleStep step = new(8 << 20);
        int pages = 0;
        for (; step.GoesOn; pages += 64)
        {
            step.OnLook();
            step.OnRelease(64 << 12);
        }

        Assert.InRange(pages, 1900, 2048);
        step = new IdleStep(8 << 20);
        int looks = 0;
        for (; step.GoesOn; looks++)
        {
            step.OnLook();
        }

        Assert.InRange(looks, 2048, 10_000);
        step = new IdleStep(8 << 20) { IsRefused = true };
        Assert.False(step.GoesOn);
    }
}

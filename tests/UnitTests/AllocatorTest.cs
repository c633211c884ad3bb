namespace NativeMalloc.UnitTests;

/// <summary>A test that begins with fresh doubles.</summary>
public abstract class AllocatorTest
{
    protected AllocatorTest()
    {
        Os.Reset();
        Heap.GiveKeptSpans(all: true, wait: true); // before a test makes its tiers anew
        Shim.Reset();
        LargeBlocks.CanMove = true;
    }
}

namespace NativeMalloc.UnitTests;

/// <summary>A test that begins with fresh doubles.</summary>
public abstract class AllocatorTest
{
    protected AllocatorTest()
    {
        Os.Reset();
        Shim.Reset();
        LargeBlocks.CanMove = true;
    }
}

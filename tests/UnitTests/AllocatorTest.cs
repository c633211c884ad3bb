using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>A test that begins with fresh doubles.</summary>
public abstract unsafe class AllocatorTest
{
    protected AllocatorTest()
    {
        Os.Reset();
        Heap.GiveKeptSpans(all: true, wait: true); // before a test makes its tiers anew
        Occupancy.Begin();
        Shim.Reset();
        LargeBlocks.CanMove = true;
    }

    /// <summary>The heap is the process's: a test that uses all of it begins with an empty one, and leaves one.</summary>
    protected static void EmptyHeap()
    {
        *Heap.Pages = default;
        *Heap.Remnants = default;
        Assert.True(Heap.Initialize());
    }
}

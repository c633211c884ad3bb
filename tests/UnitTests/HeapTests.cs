using System;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The tiers together, when the kernel has no more memory: what they hold for one size serves another.</summary>
public sealed unsafe class HeapTests : AllocatorTest, IDisposable
{
    private const nuint SmallClass = 4;
    private static readonly nuint s_largeClass = SizeClasses.Of(4 << 10);

    public HeapTests() => EmptyHeap();

    public void Dispose()
    {
        Os.Reset();
        EmptyHeap();
    }

    [Fact]
    public void CachedObjectsMakeRoomForALargeBlock()
    {
        Cache(SmallClass);
        Os.MapsToFail = int.MaxValue;
        Assert.True(Heap.Pages->Take(PageBits.Pages, 0, PageMap.PageSize) == null); // or the test would show nothing
        Assert.True(LargeBlocks.Allocate(PageMap.HugePageSize, PageMap.PageSize) != null);
    }

    [Fact]
    public void CachedObjectsMakeRoomForThoseOfAnotherClass()
    {
        Cache(s_largeClass);
        Os.MapsToFail = int.MaxValue;
        while (Heap.Pages->Take(1, 0, PageMap.PageSize) != null)
        {
        }

        void* block;
        Assert.Equal(0, Heap.Transfer(SmallClass)->Take(SmallClass, &block, 1));
        Assert.True(Heap.TakeWhenShort(SmallClass) != null);
        Assert.True(Heap.IsShort);
    }

    [Fact]
    public void WhatIsInATransferCacheIsNotOut()
    {
        Assert.Equal((nuint)0, Heap.BytesOut);
        void** objects = stackalloc void*[3];
        Assert.Equal(3, Heap.Transfer(SmallClass)->Take(SmallClass, objects, 3));
        Assert.Equal(3 * SizeClasses.Size(SmallClass), Heap.BytesOut);
        Heap.Transfer(SmallClass)->Give(SmallClass, objects, 2);
        Assert.Equal(SizeClasses.Size(SmallClass), Heap.BytesOut);
        Heap.Transfer(SmallClass)->Give(SmallClass, objects + 2, 1);
        Assert.Equal((nuint)0, Heap.BytesOut);
    }

    // A program may have forbidden itself membarrier, and may ask for memory that there is not; only what asks for memory to go back may use it.
    [Fact]
    public void WhatFailsAbortsNobody()
    {
        Os.MapsToFail = int.MaxValue;
        int drains = FrontEnd.Drains;
        int aborts = FrontEnd.Aborts;
        while (LargeBlocks.Allocate(PageMap.PageSize, PageMap.PageSize) != null)
        {
        }

        while (Heap.TakeWhenShort(SmallClass) != null)
        {
        }

        Assert.InRange(FrontEnd.Drains, drains + 1, int.MaxValue);
        Assert.Equal(aborts, FrontEnd.Aborts);
        Heap.Release(nuint.MaxValue);
        Assert.Equal(aborts + 1, FrontEnd.Aborts);
    }

    // What can never be had is refused without a look at the caches.
    [Fact]
    public void CachesAreLeftAloneWhereTheyCouldNotHelp()
    {
        Cache(SmallClass);
        int drains = FrontEnd.Drains;
        Assert.True(LargeBlocks.Allocate((nuint)1 << 60, PageMap.PageSize) == null);
        Assert.Equal(drains, FrontEnd.Drains);
    }

    // Leaves an object of the class in its transfer cache.
    private static void Cache(nuint sizeClass)
    {
        void* one;
        for (int i = 0; i <= SizeClasses.ReturnsBeforeKept(sizeClass); i++)
        {
            Assert.Equal(1, Heap.Transfer(sizeClass)->Take(sizeClass, &one, 1));
            Heap.Transfer(sizeClass)->Give(sizeClass, &one, 1);
        }

        Assert.Equal(1, Heap.Transfer(sizeClass)->Count);
    }
}

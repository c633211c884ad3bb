using System;
using System.Collections.Generic;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class LargeCacheTests : AllocatorTest, IDisposable
{
    private const nuint MiB = 1 << 20;
    private const nuint Spare = 2048; // or such a block would have another page (CacheColour)

    public LargeCacheTests() => EmptyHeap();

    public void Dispose()
    {
        LargeBlocks.GiveCached();
        EmptyHeap();
    }

    [Fact]
    public void ASizeThatComesBackAgainAndAgainIsKept()
    {
        nuint waste = LargeBlocks.Waste; // what tests before have left
        void* block = Learn(MiB - Spare);
        Assert.True(LargeBlocks.TryCache(block));
        Assert.Equal((MiB, MiB), (LargeCache.Bytes, Heap.Pages->UsedBytes));
        Assert.True(LargeBlocks.TakeCached(2 * MiB - Spare) == null);
        Assert.True(LargeBlocks.TakeCached(0) == null);
        Assert.True(LargeBlocks.TakeCached(nuint.MaxValue) == null);
        Assert.True(LargeBlocks.TakeCached(MiB - Spare - 5) == block);
        Assert.Equal(((nuint)0, waste + Spare + 5), (LargeCache.Bytes, LargeBlocks.Waste));
        LargeBlocks.Free(PageMap.SpanOf((nuint)block));
        Assert.Equal(((nuint)0, waste), (Heap.Pages->UsedBytes, LargeBlocks.Waste));
    }

    [Fact]
    public void WhatIsCachedIsNoBlock()
    {
        void* block = Learn(MiB - Spare);
        Assert.False(LargeBlocks.TryCache((byte*)block + 16));
        Assert.False(LargeBlocks.TryCache((void*)0x1000));
        Assert.True(LargeBlocks.TryCache(block));
        Assert.False(LargeBlocks.TryCache(block)); // freed twice
    }

    [Fact]
    public void ItGoesBeforeMemoryFromTheKernelDoes()
    {
        Assert.True(LargeBlocks.TryCache(Learn(MiB - Spare)));
        while (Heap.Pages->HasBacked(1, 0, PageMap.PageSize))
        {
            Assert.True(Heap.Pages->Take(1, 0, PageMap.PageSize) != null);
        }

        nuint untouched = Heap.Pages->ReleasedBytes;
        Assert.True(Heap.TakeSpan(PageBits.Pages / 2, 0, PageMap.PageSize) != null);
        Assert.Equal((untouched, (nuint)0), (Heap.Pages->ReleasedBytes, LargeCache.Bytes));
    }

    [Fact]
    public void ItGoesBeforeMemoryFromTheKernelDoesWhereFreeRowsAreTooShort()
    {
        Assert.True(LargeBlocks.TryCache(Learn(MiB - Spare)));
        List<nuint> spans = [];
        while (spans.Count < 4 * PageBits.Pages || Heap.Pages->HasBacked(1, 0, PageMap.PageSize))
        {
            spans.Add((nuint)Heap.Pages->Take(1, 0, PageMap.PageSize));
        }

        for (int number = 0; number < spans.Count; number += 2)
        {
            Heap.Pages->Give((Span*)spans[number], released: false);
        }

        Assert.True(Heap.Pages->FreeBytes >= 2 * MiB && Heap.Pages->HasBacked(1, 0, PageMap.PageSize) && !Heap.Pages->HasBacked(2, 0, PageMap.PageSize));
        nuint untouched = Heap.Pages->ReleasedBytes;
        Assert.True(Heap.TakeSpan(PageBits.Pages / 2, 0, PageMap.PageSize) != null);
        Assert.Equal((untouched, (nuint)0), (Heap.Pages->ReleasedBytes, LargeCache.Bytes));
    }

    [Fact]
    public void NoMoreIsKeptThanThePageHeapWould()
    {
        void* first = Learn(3 * MiB - Spare);
        void* second = LargeBlocks.Allocate(3 * MiB - Spare, 16);
        Assert.True(LargeBlocks.TryCache(first));
        Assert.False(LargeBlocks.TryCache(second));
    }

    [Fact]
    public void TheNinthGoesToThePageHeap()
    {
        Assert.True(LargeBlocks.TryCache(Learn(MiB / 4 - Spare)));
        for (int number = 2; number <= 9; number++)
        {
            void* block = (void*)Heap.Pages->Take((MiB / 4) >> PageMap.PageShift, 0, PageMap.PageSize)->Start;
            Assert.Equal(number <= 8, LargeBlocks.TryCache(block));
        }

        Assert.Equal(8 * (MiB / 4), LargeCache.Bytes);
    }

    [Fact]
    public void APlaceWaitsForItsSizeUntilAnotherWantsIt()
    {
        void* first = Learn(MiB / 4 - Spare);
        void* others = Learn(MiB / 2 - Spare);
        Assert.True(LargeBlocks.TryCache(first));
        Assert.True(LargeBlocks.TakeCached(MiB / 4 - Spare) == first);
        Assert.True(LargeBlocks.TryCache(others));
        for (int number = 2; number <= 8; number++)
        {
            Assert.True(LargeBlocks.TryCache((void*)Heap.Pages->Take((MiB / 2) >> PageMap.PageShift, 0, PageMap.PageSize)->Start));
        }

        Assert.Equal(8 * (MiB / 2), LargeCache.Bytes);
        Assert.False(LargeBlocks.TryCache(first));
    }

    // A block of a size that has come back so often that the next time it is kept.
    private static void* Learn(nuint size)
    {
        for (int i = 0; ; i++)
        {
            Assert.InRange(i, 0, 10);
            void* block = LargeBlocks.Allocate(size, 16);
            Assert.True(block != null);
            if (LargeBlocks.TryCache(block))
            {
                Assert.True(LargeBlocks.TakeCached(size) == block);
                return block;
            }

            LargeBlocks.Free(PageMap.SpanOf((nuint)block));
        }
    }
}

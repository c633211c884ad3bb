using System;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Heap.Release: how much goes back to the kernel, and at whose expense.</summary>
public sealed unsafe class HeapReleaseTests : AllocatorTest, IDisposable
{
    private const nuint HugePages = 2;

    public HeapReleaseTests()
    {
        Heap.Initialize();
        *Heap.Pages = default;
        Span* span = Heap.Pages->Take(HugePages << 8, 0, PageMap.PageSize);
        Heap.Pages->Give(span, released: false);
        FrontEnd.Drains = 0;
    }

    public void Dispose() => Heap.Pages->Release(nuint.MaxValue);

    [Theory]
    [InlineData(1)]
    [InlineData(8192)]
    [InlineData(8193)]
    [InlineData(3_000_000)]
    public void AtLeastThatMuchGoesBackWhileTheCachesStay(int bytes)
    {
        nuint free = Heap.Pages->FreeBytes;
        nuint released = Heap.Release((nuint)bytes);
        Assert.InRange(released, (nuint)bytes, free);
        Assert.Equal(free - released, Heap.Pages->FreeBytes);
        Assert.Equal(0, FrontEnd.Drains);
    }

    [Fact]
    public void MoreThanIdlePagesHaveEmptiesTheCachesToo()
    {
        nuint free = Heap.Pages->FreeBytes;
        Assert.Equal(free, Heap.Release(free));
        Assert.Equal(0, FrontEnd.Drains);
        Assert.Equal((nuint)0, Heap.Release(1));
        Assert.Equal(1, FrontEnd.Drains);
    }

    [Fact]
    public void AllMeansAll()
    {
        nuint free = Heap.Pages->FreeBytes;
        Assert.True(free > 0);
        Assert.Equal(free, Heap.Release(nuint.MaxValue));
        Assert.Equal(((nuint)0, 1), (Heap.Pages->FreeBytes, FrontEnd.Drains));
    }

    [Fact]
    public void NothingIsNothing()
    {
        Assert.Equal((nuint)0, Heap.Release(0));
        Assert.Equal(0, FrontEnd.Drains);
    }
}

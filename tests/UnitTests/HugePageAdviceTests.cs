using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What the page heap advises the kernel on huge pages.</summary>
public sealed unsafe class HugePageAdviceTests : AllocatorTest
{
    private const nuint BlockPages = 2 * PageBits.Pages;

    private readonly List<nint> _spans = [];
    private PageHeap _heap;

    [Fact]
    public void SmallHeapIsOfSmallPagesAndALargeOneIsAskedToBeOfHugeOnes()
    {
        GrowTo(450 << 20);
        Assert.All(Os.Advice, advice => Assert.False(advice.Huge));
        Assert.InRange(Os.Advice.Sum(advice => (long)advice.Bytes), 32 << 20, 64 << 20);
        Os.Advice.Clear();
        GrowTo(600 << 20);
        Assert.NotEmpty(Os.Advice);
        Assert.All(Os.Advice, advice => Assert.True(advice.Huge && advice.Start % PageMap.HugePageSize == 0 && advice.Bytes % PageMap.HugePageSize == 0));
    }

    [Fact]
    public void SmallHeapStaysAsItIs()
    {
        GrowTo(30 << 20);
        Span* half = _heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize);
        Span* other = _heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize);
        Os.Advice.Clear();
        _heap.Give(half, released: false);
        _heap.Release(nuint.MaxValue);
        Assert.Empty(Os.Advice);
        _heap.Give(other, released: false);
    }

    [Fact]
    public void PartlyReleasedHugePagesAreKeptSmallUntilTheyAreEmpty()
    {
        GrowTo(520 << 20); // what comes next may be huge
        List<nint> parts = [.. Enumerable.Range(0, 64).Select(_ => (nint)_heap.Take(PageBits.Pages / 4, 0, PageMap.PageSize))];
        Os.Advice.Clear();

        _heap.Give((Span*)parts[0], released: false);
        _heap.Release(nuint.MaxValue);
        nuint broken = ((Span*)parts[1])->Start & ~(PageMap.HugePageSize - 1);
        Assert.Equal([(broken, PageMap.HugePageSize, false)], Os.Advice);

        _heap.Give((Span*)parts[1], released: false);
        _heap.Release(nuint.MaxValue);
        Assert.Single(Os.Advice); // it is known already

        _heap.Give((Span*)parts[2], released: false);
        _heap.Give((Span*)parts[3], released: false);
        _heap.Release(nuint.MaxValue);
        Assert.Equal((broken, PageMap.HugePageSize, true), Os.Advice[^1]);
        Assert.Equal(2, Os.Advice.Count);
    }

    // Each may be two mappings more.
    [Fact]
    public void KernelIsAskedToKeepOnlySoManySmall()
    {
        GrowTo(520 << 20);
        List<nint> halves = [.. Enumerable.Range(0, 2000).Select(_ => (nint)_heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize))];
        Os.Advice.Clear();
        for (int i = 0; i < halves.Count; i += 2)
        {
            _heap.Give((Span*)halves[i], released: false);
        }

        _heap.Release(nuint.MaxValue);
        int small = Os.Advice.Count(advice => !advice.Huge);
        nuint resident = _heap.MappedBytes - _heap.ReleasedBytes;
        Assert.InRange(2 * small, 600, 1000 + (int)(resident >> 23));
    }

    private void GrowTo(int bytes)
    {
        while (_heap.UsedBytes < (nuint)bytes)
        {
            _spans.Add((nint)_heap.Take(BlockPages, 0, PageMap.PageSize));
            Assert.NotEqual(0, _spans[^1]);
        }
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What the page heap advises the kernel on huge pages.</summary>
public sealed unsafe class HugePageAdviceTests : AllocatorTest, IDisposable
{
    private const nuint BlockPages = 2 * PageBits.Pages;
    private const nuint ObjectPages = 32;
    private const byte ObjectClass = SizeClasses.Count - 1;

    private readonly List<nint> _spans = [];
    private PageHeap _heap;

    public void Dispose() => ReadOption("auto");

    [Fact]
    public void FewObjectsAreOnSmallPagesAndManyAskForHugeOnes()
    {
        TakeObjects((8 << 20) + 1);
        Assert.All(Os.Advice, advice => Assert.False(advice.Huge));
        Assert.InRange(Os.Advice.Sum(advice => (long)advice.Bytes), 8 << 20, 10 << 20);
        Os.Advice.Clear();
        TakeObjects(60 << 20);
        Assert.NotEmpty(Os.Advice);
        Assert.All(Os.Advice, advice => Assert.True(advice.Huge && advice.Start % PageMap.HugePageSize == 0 && advice.Bytes % PageMap.HugePageSize == 0));
    }

    // What of the one that fills is not used yet would count for nobody.
    [Theory]
    [InlineData("NATIVEMALLOC_LIMIT=100G")]
    [InlineData("NATIVEMALLOC_SOFT_LIMIT=100G")]
    public void WhereMemoryIsLimitedNoneIsAskedFor(string option)
    {
        using Defaults defaults = new(typeof(Options));
        OptionsTests.Read(option);
        TakeObjects(100 << 20);
        Assert.All(Os.Advice, advice => Assert.False(advice.Huge));
    }

    // Whether they are touched nobody knows.
    [Fact]
    public void LargeBlocksAskForNoHugePagesAndMakeNoDifference()
    {
        _heap.Take(4000 * PageBits.Pages, 0, PageMap.PageSize);
        Assert.Empty(Os.Advice);
        TakeObjects(7 << 20);
        Assert.All(Os.Advice, advice => Assert.False(advice.Huge));
        Assert.InRange(Os.Advice.Sum(advice => (long)advice.Bytes), 7 << 20, 100 << 20); // a sixteenth of the heap at once
        for (int i = 0; i < 1000; i++)
        {
            _heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize);
        }

        Assert.All(Os.Advice, advice => Assert.False(advice.Huge));
    }

    [Fact]
    public void ALargeBlockWhereObjectsWereIsOfSmallPagesAndObjectsAfterItOfHugeOnes()
    {
        TakeObjects(600 << 20);
        GiveAll();
        _heap.Release(nuint.MaxValue);
        Os.Advice.Clear();
        Span* block = _heap.Take(300 * PageBits.Pages, 0, PageMap.PageSize);
        int turned = Os.Advice.Count;
        Assert.InRange(turned, 250, 300);
        Assert.All(Os.Advice, advice => Assert.True(!advice.Huge && advice.Start >= block->Start && advice.Start < block->Start + block->Bytes));
        _heap.Give(block, released: false);
        TakeObjects((int)_heap.MappedBytes);
        Assert.Equal(turned, Os.Advice.Count(advice => advice.Huge));
    }

    [Theory]
    [InlineData("NATIVEMALLOC_HUGE_PAGES=auto", 0)]
    [InlineData("NATIVEMALLOC_LIMIT=100G", 1)]
    [InlineData("NATIVEMALLOC_SOFT_LIMIT=100G", 1)]
    public void WhereMemoryIsLimitedNoHugePageIsBackedBehindALargeBlock(string option, int advised)
    {
        using Defaults defaults = new(typeof(Options));
        OptionsTests.Read(option);
        for (int i = 0; i < 100; i++)
        {
            _heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize); // what comes next may be huge
        }

        Os.Advice.Clear();
        Span* block = _heap.Take(PageBits.Pages * 5 / 2, 0, PageMap.PageSize);
        Assert.Equal(advised, Os.Advice.Count);
        Assert.All(Os.Advice, advice => Assert.Equal((block->Start + 2 * PageMap.HugePageSize, PageMap.HugePageSize, false), advice));
        _heap.Take(PageBits.Pages / 4, 0, PageMap.PageSize);
        Assert.Equal(advised, Os.Advice.Count); // in the same
        TakeObjects(7 << 20);
        Assert.Equal(advised, Os.Advice.Count);
    }

    // As one that is taken: what it comes to lie on is asked to be of small pages, where objects were, and where what is behind it would count for nobody.
    [Theory]
    [InlineData("NATIVEMALLOC_HUGE_PAGES=auto", true)]
    [InlineData("NATIVEMALLOC_LIMIT=100G", false)]
    public void ALargeBlockThatGrowsInPlaceHasSmallPages(string option, bool objects)
    {
        using Defaults defaults = new(typeof(Options));
        OptionsTests.Read(option);
        TakeObjects(20 << 20);
        Span* room = _heap.Take(8 * PageBits.Pages, objects ? ObjectClass : (byte)0, PageMap.PageSize);
        _heap.Give(room, released: false);
        Span* block = _heap.Take(4 * PageBits.Pages, 0, PageMap.PageSize);
        nuint end = block->Start + block->Bytes;
        Os.Advice.Clear();
        Assert.True(_heap.Extend(block, 5 * PageBits.Pages + 1));
        (nuint, nuint, bool) last = (end + PageMap.HugePageSize, PageMap.HugePageSize, false);
        Assert.Equal(objects ? [(end, PageMap.HugePageSize, false), last] : [last], Os.Advice);
    }

    [Fact]
    public void SmallHeapStaysAsItIs()
    {
        GrowTo(6 << 20);
        Span* half = _heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize);
        Span* other = _heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize);
        Os.Advice.Clear();
        _heap.Give(half, released: false);
        _heap.Release(nuint.MaxValue);
        Assert.Empty(Os.Advice);
        _heap.Give(other, released: false);
    }

    // Those that give back pages of its spans hold no lock. Else the count would grow for ever, and no more be kept small at last.
    [Fact]
    public void WhereSeveralAdviseTheSameAtOnceOneCounts()
    {
        const int Rounds = 5000;
        HugePage* hugePages = (HugePage*)NativeMemory.AllocZeroed(Rounds, (nuint)sizeof(HugePage));
        int arrived = 0;
        long kept = 0;
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                hugePages[i].UsedPages = 1;
                Interlocked.Increment(ref arrived);
                while (Volatile.Read(ref arrived) < 2 * (i + 1)) // awake, or one would be late
                {
                }

                Interlocked.Add(ref kept, HugePageAdvice.OnReleased(&hugePages[i], 0, 0));
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        NativeMemory.Free(hugePages);
        Assert.Equal(Rounds, kept);
    }

    [Fact]
    public void PartlyReleasedHugePagesAreKeptSmallUntilObjectsTakeThemAnew()
    {
        TakeObjects(100 << 20); // what comes next may be huge
        List<nint> parts = [.. Enumerable.Range(0, 64).Select(_ => (nint)_heap.Take(PageBits.Pages / 4, ObjectClass, PageMap.PageSize))];
        Os.Advice.Clear();

        _heap.Give((Span*)parts[8], released: false);
        _heap.Release(nuint.MaxValue);
        nuint broken = ((Span*)parts[9])->Start & ~(PageMap.HugePageSize - 1);
        Assert.Equal([(broken, PageMap.HugePageSize, false)], Os.Advice);

        _heap.Give((Span*)parts[9], released: false);
        _heap.Release(nuint.MaxValue);
        Assert.Single(Os.Advice); // it is known already

        _heap.Give((Span*)parts[10], released: false);
        _heap.Give((Span*)parts[11], released: false);
        _heap.Release(nuint.MaxValue);
        Assert.Single(Os.Advice);

        Span* block = _heap.Take(PageBits.Pages, 0, PageMap.PageSize);
        Assert.Equal((broken, 1), (block->Start, Os.Advice.Count));
        _heap.Give(block, released: false);
        Span* objects = _heap.Take(PageBits.Pages, ObjectClass, PageMap.PageSize);
        Assert.Equal((broken, (broken, PageMap.HugePageSize, true)), (objects->Start, Os.Advice[^1]));
        Assert.Equal(2, Os.Advice.Count);
    }

    // The kernel has filled it, though nobody has touched it.
    [Fact]
    public void WhatNobodyHadOfAHugePageGoesBackAsItBecomesSmall()
    {
        const nuint Quarter = PageBits.Pages / 4;
        TakeObjects(100 << 20); // what comes next may be huge
        Span* first;
        do
        {
            first = _heap.Take(Quarter, ObjectClass, PageMap.PageSize);
        }
        while (first->Start % PageMap.HugePageSize != 0);
        Span* second = _heap.Take(Quarter, ObjectClass, PageMap.PageSize);
        Assert.Equal(first->Start + first->Bytes, second->Start);
        _heap.Release(nuint.MaxValue);
        nuint before = Os.ReleasedBytes;
        nuint counted = _heap.ReleasedBytes;
        _heap.Give(first, released: false);
        _heap.Release(nuint.MaxValue);
        Assert.Equal(PageMap.HugePageSize - second->Bytes, Os.ReleasedBytes - before);
        Assert.Equal(Quarter * PageMap.PageSize, _heap.ReleasedBytes - counted);
        Assert.Equal((nuint)0, _heap.FreeBytes);
    }

    [Theory]
    [InlineData("never", false)]
    [InlineData("always", true)]
    public void AnOptionDecidesForAll(string option, bool huge)
    {
        TakeObjects(1 << 20); // before the options are read
        Os.Advice.Clear();
        ReadOption(option);
        _heap.AdviseAnew();
        var ours = Os.Advice.Where(advice => advice.Huge == huge && Os.IsLive(advice.Start, advice.Bytes)); // not what earlier tests had
        Assert.Equal(_heap.MappedBytes, (nuint)ours.Sum(advice => (long)advice.Bytes));
        Os.Advice.Clear();

        nuint before = _heap.MappedBytes;
        _heap.Take(3000 * PageBits.Pages, 0, PageMap.PageSize);
        TakeObjects(600 << 20);
        List<nint> halves = [.. Enumerable.Range(0, 200).Select(_ => (nint)_heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize))];
        for (int i = 0; i < halves.Count; i += 2)
        {
            _heap.Give((Span*)halves[i], released: false);
        }

        _heap.Release(nuint.MaxValue);
        GiveAll();
        _heap.Take(300 * PageBits.Pages, 0, PageMap.PageSize);
        Assert.All(Os.Advice, advice => Assert.Equal(huge, advice.Huge));
        Assert.Equal(_heap.MappedBytes - before, (nuint)Os.Advice.Sum(advice => (long)advice.Bytes));
    }

    // Each may be two mappings more.
    [Fact]
    public void KernelIsAskedToKeepOnlySoManySmall()
    {
        GrowTo(520 << 20);
        List<nint> halves = [.. Enumerable.Range(0, 10_000).Select(_ => (nint)_heap.Take(PageBits.Pages / 2, 0, PageMap.PageSize))];
        Os.Advice.Clear();
        for (int i = 0; i < halves.Count; i += 2)
        {
            _heap.Give((Span*)halves[i], released: false);
        }

        _heap.Release(nuint.MaxValue);
        int small = Os.Advice.Count(advice => !advice.Huge);
        Assert.InRange(small, 4000, 4096);
    }

    private static void ReadOption(string value)
    {
        byte[] setting = Encoding.ASCII.GetBytes($"NATIVEMALLOC_HUGE_PAGES={value}\0");
        fixed (byte* text = setting)
        {
            byte** environment = stackalloc byte*[] { text, null };
            Options.Read(environment);
        }
    }

    // Until so many bytes of them are in use.
    private void TakeObjects(int bytes)
    {
        for (long left = bytes - _spans.Count * (long)(ObjectPages * PageMap.PageSize); left > 0; left -= (long)(ObjectPages * PageMap.PageSize))
        {
            _spans.Add((nint)_heap.Take(ObjectPages, ObjectClass, PageMap.PageSize));
            Assert.NotEqual(0, _spans[^1]);
        }
    }

    private void GiveAll()
    {
        _spans.ForEach(span => _heap.Give((Span*)span, released: false));
        _spans.Clear();
    }

    private void GrowTo(int bytes)
    {
        while (_heap.UsedBytes < (nuint)bytes)
        {
            Assert.True(_heap.Take(BlockPages, 0, PageMap.PageSize) != null);
        }
    }
}

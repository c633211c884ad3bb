using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>
/// Which blocks hold how much, in a heap of real memory: against a model that knows the blocks, byte by byte, and of the heap only where spans
/// begin and which pages hold no memory.
/// </summary>
public sealed unsafe class PinsTests : AllocatorTest, IDisposable
{
    private const nuint KernelPage = 4096;
    private const int BitsOfWord = 64;

    private readonly Random _random = new(11);

    // All that are in use: where each begins, and its class, or 0 and its bytes.
    private readonly HashSet<Block> _blocks = [];

    // What is measured is all that the page map knows, and the heaps of other tests are still in it.
    public PinsTests()
    {
        nuint start = 0;
        while (PageMap.NextHugePage(ref start) != null)
        {
            PageMap.SetHugePage(start, null);
            PageMap.ClearPages(start, PageBits.Pages);
        }

        EmptyHeap();
    }

    public void Dispose()
    {
        Os.Reset();
        EmptyHeap();
    }

    [Theory]
    [InlineData(32)]
    [InlineData(48)]
    [InlineData(112)]
    [InlineData(128)]
    [InlineData(300)]
    [InlineData(1088)]
    [InlineData(3000)]
    [InlineData(5456)]
    [InlineData(32768)]
    [InlineData(200_000)]
    public void BlocksShareWhatIsFreeAroundThem(int size)
    {
        Fill(size, 8 << 20);
        AssertAsInTheModel();
        DropAllBut(8);
        AssertAsInTheModel();
        Heap.Release(nuint.MaxValue);
        AssertAsInTheModel();
        Assert.Equal((nuint)0, Measure().InHugePages);
        Fill(size, 1 << 20);
        AssertAsInTheModel();
    }

    [Fact]
    public void BlocksOfAllSizesDo()
    {
        for (int generation = 0; generation < 6; generation++)
        {
            for (int i = 0; i < 60; i++)
            {
                Fill(_random.Next(100) switch { < 60 => _random.Next(1, 1024), < 90 => _random.Next(1024, 32768), _ => _random.Next(32768, 3 << 20) }, 200_000);
            }

            DropAllBut(_random.Next(2, 12));
            AssertAsInTheModel();
        }

        PinnedBytes all = Measure();
        Assert.True(all.InSpans > 1 << 20 && all.InHugePages > 1 << 20, $"{all.InSpans}, {all.InHugePages}"); // or the test would show little
    }

    [Theory]
    [InlineData(48, 112)]
    [InlineData(512, 80)]
    [InlineData(1088, 2560)]
    [InlineData(3072, 64)]
    public void BlocksInRemnantsDo(int before, int after)
    {
        Fill(before, 32 << 20);
        DropAllBut(20);
        Fill(after, 16 << 20);
        DropAllBut(3);
        Assert.True(Heap.Remnants->Bytes > 0);
        AssertAsInTheModel();
    }

    [Fact]
    public void ALargeBlockAnswersForBothItsEnds()
    {
        Block[] neighbours = [.. Enumerable.Range(0, 6).Select(i => Large(i % 2 == 0 ? 700_000 : 5_000_000))];
        _blocks.UnionWith(neighbours);
        AssertAsInTheModel();
        Drop(neighbours[0]);
        Drop(neighbours[2]);
        Drop(neighbours[5]);
        AssertAsInTheModel();
        Assert.True(Measure().InHugePages > 500_000);
    }

    [Fact]
    public void WhatIsNoBlockHoldsNothing()
    {
        Fill(100, 1 << 20);
        Pins<OwnHeap> pins = default;
        Assert.Equal(0, pins.ShareOf(4096));
        DropAllBut(int.MaxValue);
        Heap.GiveKeptSpans(all: true);
        PinnedBytes all = Measure();
        Assert.Equal(((nuint)0, (nuint)0), (all.InSpans, all.InHugePages)); // though the page heap has it all, with its memory
        Assert.True(Heap.Pages->FreeBytes > 0);
    }

    private void AssertAsInTheModel()
    {
        Pins<OwnHeap> pins = default;
        Dictionary<nuint, double> expected = Model(out double inSpans, out double inHugePages);
        double sum = 0;
        foreach (Block block in _blocks)
        {
            double share = pins.ShareOf(block.Address);
            Assert.Equal(expected[block.Address], share, 1e-6);
            sum += share;
        }

        PinnedBytes all = Measure();
        Assert.Equal((inSpans, inHugePages), (all.InSpans, all.InHugePages));
        Assert.Equal(inSpans + inHugePages, sum, 1e-3);
    }

    private static PinnedBytes Measure()
    {
        PinnedBytes all = default;
        nuint address = 0;
        while (Pins<OwnHeap>.Measure(ref address, ref all))
        {
        }

        return all;
    }

    // Each block's part, by its address.
    private Dictionary<nuint, double> Model(out double inSpans, out double inHugePages)
    {
        Dictionary<nuint, double> shares = _blocks.ToDictionary(block => block.Address, _ => 0.0);
        inSpans = 0;
        foreach (IGrouping<nint, Block> group in _blocks.Where(block => block.SizeClass != 0).GroupBy(block => (nint)PageMap.SpanOf(block.Address)))
        {
            Span* span = (Span*)group.Key;
            Block[] blocks = [.. group];
            nuint unit = span->Remnant ? PageMap.PageSize : span->Objects <= BitsOfWord ? KernelPage : span->Bytes;
            nuint used = span->Remnant ? span->Bytes : span->Objects * SizeClasses.Size(span->SizeClass); // not the tail
            double idle = 0;
            for (nuint start = span->Start; start < span->Start + used; start += unit)
            {
                nuint end = Math.Min(start + unit, span->Start + used);
                Block[] here = [.. blocks.Where(block => block.Address < end && block.End > start)];
                bool holdsMemory = span->Remnant
                    ? PageMap.SpanOf(start) == span
                    : (span->Holes >> (int)((start - span->Start) / KernelPage) & 1) == 0;
                double free = holdsMemory ? end - start - here.Sum(block => (double)(Math.Min(block.End, end) - Math.Max(block.Address, start))) : 0;
                inSpans += free;
                idle += here.Length == 0 ? free : 0;
                foreach (Block block in here)
                {
                    shares[block.Address] += free / here.Length;
                }
            }

            foreach (Block block in blocks)
            {
                shares[block.Address] += idle / blocks.Length;
            }
        }

        inHugePages = 0;
        foreach (nuint start in _blocks.SelectMany(block => new[] { block.Address, block.End - 1 }).Select(HugePageStart).Distinct())
        {
            Block[] here = [.. _blocks.Where(block => block.Address < start + PageMap.HugePageSize && block.End > start)];
            double free = (double)PageMap.HugePageOf(start)->BackedFreePages * PageMap.PageSize;
            inHugePages += free;
            foreach (Block block in here)
            {
                shares[block.Address] += free / here.Length;
            }
        }

        return shares;
    }

    private static nuint HugePageStart(nuint address) => address & ~(PageMap.HugePageSize - 1);

    private void Fill(int size, int bytes)
    {
        nuint sizeClass = SizeClasses.Of((nuint)size);
        for (int filled = 0; filled < bytes; filled += size)
        {
            void* block;
            if (sizeClass != 0)
            {
                Assert.Equal(1, CentralFreeLists.Take(sizeClass, &block, 1));
                _blocks.Add(new Block((nuint)block, SizeClasses.Size(sizeClass), sizeClass));
            }
            else
            {
                _blocks.Add(Large(size));
            }
        }
    }

    private static Block Large(int size)
    {
        nuint block = (nuint)LargeBlocks.Allocate((nuint)size, 16);
        Span* span = PageMap.SpanOf(block);
        return new Block(block, span->Start + span->Bytes - block, 0);
    }

    // Keeps one of so many, drawn by lot.
    private void DropAllBut(int oneOf)
    {
        foreach (Block block in _blocks.Where(_ => oneOf == int.MaxValue || _random.Next(oneOf) != 0).ToArray())
        {
            Drop(block);
        }

        LargeBlocks.GiveCached();
    }

    private void Drop(Block block)
    {
        _blocks.Remove(block);
        void* address = (void*)block.Address;
        if (block.SizeClass != 0)
        {
            CentralFreeLists.Give(block.SizeClass, &address, 1);
        }
        else
        {
            LargeBlocks.Free(PageMap.SpanOf(block.Address));
        }
    }

    private sealed record Block(nuint Address, nuint Bytes, nuint SizeClass)
    {
        internal nuint End => Address + Bytes;
    }
}

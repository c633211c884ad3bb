using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Which block lies at an address, for every kind of block.</summary>
public sealed unsafe class BlockMapTests : AllocatorTest, IDisposable
{
    private readonly Random _random = new(7);
    private readonly SearchedHeap _heap = new();

    public BlockMapTests() => EmptyHeap();

    public void Dispose()
    {
        _heap.Dispose();
        EmptyHeap();
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(20, true)]
    public void EveryBlockInUseIsFoundByEachOfItsBytes(int oneIn, bool remnants)
    {
        Fill(oneIn, remnants);
        _heap.Find();
        Assert.Equal((nuint)_heap.Blocks.Count, _heap.Search->Blocks.Count);
        foreach ((nuint start, nuint bytes) in _heap.Blocks)
        {
            foreach (nuint offset in new nuint[] { 0, 1, bytes / 2, bytes - 1, (nuint)_random.NextInt64((long)bytes) })
            {
                Block block = _heap.At(start + offset);
                Assert.Equal((start, bytes), (block.Start, block.Bytes));
            }
        }
    }

    [Theory]
    [InlineData(3, false)]
    [InlineData(20, true)]
    public void WhatIsInNoBlockIsNotFound(int oneIn, bool remnants)
    {
        Fill(oneIn, remnants);
        _heap.Find();
        Assert.NotEmpty(_heap.Free);
        for (int i = 0; i < 20_000; i++)
        {
            nuint address = _heap.Free[_random.Next(_heap.Free.Count)] + (nuint)_random.Next(32);
            AssertIsAsTheModelSays(address);
            AssertIsAsTheModelSays(Os.Space.HeapStart + (nuint)_random.NextInt64((long)(Os.Space.HeapEnd - Os.Space.HeapStart)));
        }

        AssertIsAsTheModelSays(0);
        AssertIsAsTheModelSays(nuint.MaxValue);
        AssertIsAsTheModelSays(Os.Space.HeapStart - 1);
        AssertIsAsTheModelSays(Os.Space.HeapEnd);
    }

    [Fact]
    public void BlocksFollowOneAnother()
    {
        Fill(20, remnants: true);
        _heap.Find();
        List<nuint> found = [];
        for (nuint address = 0; _heap.Search->Blocks.TryNext(address, out Block block); address = block.Start + block.Bytes)
        {
            found.Add(block.Start);
        }

        Assert.Equal(_heap.Blocks.Keys, found);
    }

    [Fact]
    public void WhatCachesHaveIsNotInUse()
    {
        Fill(2, remnants: false);
        _heap.Find();
        foreach (nuint start in _heap.Blocks.Keys.Where(_ => _random.Next(2) == 0).ToArray())
        {
            _heap.Search->Blocks.Exclude((void*)start);
            _heap.Blocks.Remove(start);
            AssertIsAsTheModelSays(start);
        }

        Assert.Equal((nuint)_heap.Blocks.Count, _heap.Search->Blocks.Count);
        _heap.Search->Blocks.Exclude((void*)(_heap.Blocks.Keys[0] + 8)); // no block begins there
        Assert.All(_heap.Blocks.Keys, start => Assert.Equal(start, _heap.At(start).Start));
    }

    // Freed, and waiting for the next of its size.
    [Fact]
    public void ALargeBlockThatIsCachedIsNotInUse()
    {
        Fill(1, remnants: false);
        nuint large = _heap.Blocks.Keys.First(start => PageMap.SpanOf(start)->SizeClass == 0);
        PageMap.SpanOf(large)->Cached = true;
        _heap.Find();
        Assert.False(_heap.Search->Blocks.TryFind(large, out _));
        Assert.False(_heap.Search->Blocks.TryFind(large + PageMap.PageSize, out _));
        PageMap.SpanOf(large)->Cached = false;
    }

    [Fact]
    public void ABlockIsPlainIfAllOfItIs()
    {
        Fill(1, remnants: false);
        _heap.Find();
        (nuint start, nuint bytes) = _heap.Blocks.First(block => PageMap.SpanOf(block.Key)->SizeClass == 0);
        Block large = _heap.At(start);
        Assert.False(_heap.Search->Blocks.IsPlain(large));
        nuint first = PageMap.SpanOf(start)->Start;
        _heap.Search->Blocks.NotePlain(first, start + bytes - PageMap.PageSize);
        Assert.False(_heap.Search->Blocks.IsPlain(large));
        _heap.Search->Blocks.NotePlain(start + bytes - 2 * PageMap.PageSize, start + bytes + PageMap.PageSize);
        Assert.True(_heap.Search->Blocks.IsPlain(large));
        nuint small = _heap.Blocks.Keys.First(other => PageMap.SpanOf(other)->SizeClass != 0);
        Assert.False(_heap.Search->Blocks.IsPlain(_heap.At(small)));
    }

    private void Fill(int oneIn, bool remnants)
    {
        _heap.Fill(_random, 3000, [16, 48, 208, 1000, 9000], oneIn, remnants, large: 10);
        if (remnants)
        {
            _heap.TakeFromRemnants(_random, 500);
            Assert.True(Heap.Remnants->Bytes > 0);
        }
    }

    private void AssertIsAsTheModelSays(nuint address)
    {
        int index = IndexOfLastAtOrBelow(address);
        bool expected = index >= 0 && address - _heap.Blocks.Keys[index] < _heap.Blocks.Values[index];
        Assert.Equal(expected, _heap.Search->Blocks.TryFind(address, out Block block));
        Assert.Equal(expected ? _heap.Blocks.Keys[index] : 0, expected ? block.Start : 0);
    }

    private int IndexOfLastAtOrBelow(nuint address)
    {
        int low = 0;
        int high = _heap.Blocks.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _heap.Blocks.Keys[middle] <= address ? (middle + 1, high) : (low, middle);
        }

        return low - 1;
    }
}

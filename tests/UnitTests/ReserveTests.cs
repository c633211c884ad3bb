using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class ReserveTests : AllocatorTest
{
    [Fact]
    public void BlocksLieApartHaveTheirAlignmentAndComeBack()
    {
        Random random = new(1);
        Dictionary<nint, nuint> blocks = [];
        for (int i = 0; i < 20_000; i++)
        {
            if (blocks.Count > 0 && random.Next(5) < 2)
            {
                nint block = blocks.Keys.ElementAt(random.Next(blocks.Count));
                Assert.True(IsFilled(block, blocks[block]));
                Assert.True(Reserve.TryFree((void*)block));
                blocks.Remove(block);
                continue;
            }

            nuint size = (nuint)random.Next(random.Next(20) == 0 ? 20_000 : 1500);
            nuint alignment = (nuint)1 << random.Next(random.Next(20) == 0 ? 16 : 10);
            nint start = (nint)Reserve.Allocate(size, alignment);
            Assert.NotEqual(0, start);
            Assert.Equal(0u, (nuint)start % alignment);
            Assert.InRange(Reserve.SizeOf((void*)start), size, size + PageMap.PageSize);
            Assert.True(size <= 4096 || Reserve.SizeOf((void*)start) == (size + PageMap.PageSize - 1) / PageMap.PageSize * PageMap.PageSize); // which callers may have been told
            new Span<byte>((void*)start, (int)size).Fill((byte)(start >> 6));
            blocks.Add(start, size);
        }

        Assert.All(blocks, b => Assert.True(IsFilled(b.Key, b.Value)));
        Assert.All(blocks.Keys, b => Assert.True(Reserve.TryFree((void*)b)));
    }

    [Fact]
    public void ItIsNeverSpentWhileThereIsMemory()
    {
        const int Count = 10_000;
        nint[] small = [.. Enumerable.Range(0, Count).Select(_ => (nint)Reserve.Allocate(1000, 16))];
        nint[] large = [.. Enumerable.Range(0, 1000).Select(_ => (nint)Reserve.Allocate(10_000, 16))];
        Assert.DoesNotContain(0, small);
        Assert.DoesNotContain(0, large);
        Assert.Equal(Count, small.Distinct().Count());
        Assert.All(small.Concat(large), b => Assert.True(Reserve.TryFree((void*)b)));
        nuint mapped = Os.LiveBytes;
        for (int i = 0; i < Count; i++)
        {
            small[i] = (nint)Reserve.Allocate(1000, 16);
        }

        Assert.Equal(mapped, Os.LiveBytes);
        Assert.All(small, b => Assert.True(Reserve.TryFree((void*)b)));
    }

    [Fact]
    public void ThreadsShareIt()
    {
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(number => new Thread(() =>
        {
            Random random = new(number);
            Queue<(nint Start, int Size)> blocks = [];
            for (int i = 0; i < 30_000; i++)
            {
                int size = random.Next(16, 600);
                nint block = (nint)Reserve.Allocate((nuint)size, 16);
                new Span<byte>((void*)block, size).Fill((byte)number);
                blocks.Enqueue((block, size));
                if (blocks.Count > 100)
                {
                    (block, size) = blocks.Dequeue();
                    Assert.Equal(-1, new Span<byte>((void*)block, size).IndexOfAnyExcept((byte)number));
                    Assert.True(Reserve.TryFree((void*)block));
                }
            }

            Assert.All(blocks, b => Assert.True(Reserve.TryFree((void*)b.Start)));
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
    }

    [Fact]
    public void WhatIsNoBlockOfItIsLeftAlone()
    {
        byte* small = (byte*)Reserve.Allocate(200, 16);
        byte* large = (byte*)Reserve.Allocate(20_000, 16);
        foreach (nint other in (nint[])[(nint)small + 16, (nint)small + 64, (nint)large + 4096, 16])
        {
            Assert.Equal(0u, Reserve.SizeOf((void*)other));
            Assert.False(Reserve.TryFree((void*)other));
        }

        Assert.True(Reserve.TryFree(small));
        Assert.False(Reserve.TryFree(small));
        Assert.True(Reserve.TryFree(large));
        Assert.False(Reserve.TryFree(large));
    }

    [Fact]
    public void WithoutMemoryThereIsNone()
    {
        List<nint> blocks = [];
        Os.MapsToFail = int.MaxValue;
        void* block;
        while ((block = Reserve.Allocate(4096, 16)) != null)
        {
            blocks.Add((nint)block);
        }

        Assert.True(blocks.Count >= 64); // the first region
        Assert.True(Reserve.Allocate(5000, 16) == null);
        Os.MapsToFail = 0;
        Assert.All(blocks, b => Assert.True(Reserve.TryFree((void*)b)));
    }

    private static bool IsFilled(nint start, nuint size) =>
        new Span<byte>((void*)start, (int)size).IndexOfAnyExcept((byte)(start >> 6)) < 0;
}

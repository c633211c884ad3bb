using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Heaps whose sizes shift: what is left of one class's spans serves the others.</summary>
public sealed unsafe class RemnantsTests : AllocatorTest, IDisposable
{
    private const int Bytes = 32 << 20;

    private bool _done;
    private int _wrong;
    private readonly Random _random = new(5);

    // Blocks that are out: where each begins, and its class.
    private readonly List<(nuint Address, nuint SizeClass)> _blocks = [];

    public RemnantsTests() => EmptyHeap();

    public void Dispose()
    {
        Os.Reset();
        EmptyHeap();
    }

    [Theory]
    [InlineData(48, 112)]
    [InlineData(64, 160)]
    [InlineData(512, 80)]
    [InlineData(3584, 96)]
    [InlineData(6144, 2560)]
    [InlineData(20480, 64)]
    public void SparseSpansServeOtherClasses(int before, int after)
    {
        Fill(before);
        DropAllBut(20);
        nuint kept = Heap.Pages->UsedBytes;
        Fill(after);
        AssertBlocksAreWhole();
        Assert.InRange(Heap.Pages->UsedBytes, (nuint)0, kept / 4 + Bytes + Bytes / 5);
        AssertSizesAreKnown();
        DropAllBut(int.MaxValue);
        AssertNothingIsLeft();
    }

    [Fact]
    public void GenerationsOfRandomClassesLeaveNothing()
    {
        for (int generation = 0; generation < 12; generation++)
        {
            Fill(_random.Next(1, 100) switch { < 50 => 16 * _random.Next(1, 64), < 90 => 16 * _random.Next(64, 512), _ => 16 * _random.Next(512, 4096) });
            AssertBlocksAreWhole();
            DropAllBut(_random.Next(5, 30));
            AssertSizesAreKnown();
        }

        Assert.True(Heap.Remnants->Bytes > 0); // or the test would show nothing
        DropAllBut(int.MaxValue);
        AssertNothingIsLeft();
    }

    [Fact]
    public void WhatIsNoBlockIsFoundOut()
    {
        Fill(48);
        DropAllBut(20);
        Fill(256);
        (nuint address, nuint sizeClass) = _blocks.First(block => PageMap.SpanOf(block.Address)->Remnant);
        Assert.Equal(sizeClass, Heap.ClassBySpan((void*)address));
        Assert.False(Give(address + 16, sizeClass));
        Assert.False(Give(address + 8, sizeClass));
        Assert.False(Give(address, sizeClass + 1));
        Assert.False(Give(address, sizeClass - 1));
        Assert.True(Give(address, sizeClass));
        Assert.False(Give(address, sizeClass));
        Assert.Equal((nuint)0, Heap.ClassBySpan((void*)address));
    }

    // Sizes are read without a lock.
    [Fact]
    public void ABlockHasItsSizeWhileItsNeighbourComesAndGoes()
    {
        Fill(48);
        DropAllBut(20);
        Fill(256);
        nuint smallest = SizeClasses.Of(16);
        void* neighbour;
        nuint address, sizeClass, behind;
        do
        {
            Assert.Equal(1, Heap.Remnants->Take(smallest, &neighbour, 1));
            behind = (nuint)neighbour;
            _blocks.Add((behind, smallest));
            (address, sizeClass) = _blocks.FirstOrDefault(block => block.Address + SizeClasses.Size(block.SizeClass) == behind);
        }
        while (address == 0 || sizeClass == smallest || PageMap.SpanOf(address) != PageMap.SpanOf(behind));

        Span* span = PageMap.SpanOf(address);
        Volatile.Write(ref _done, false);
        Thread reader = new(() =>
        {
            while (!Volatile.Read(ref _done))
            {
                _wrong += Remnants<Heap.RemnantSpans>.SizeAt(span, address) == SizeClasses.Size(sizeClass) ? 0 : 1;
            }
        });
        reader.Start();
        for (int i = 0; i < 1_000_000; i++)
        {
            Assert.Equal(0, Heap.Remnants->Give(smallest, &neighbour, 1));
            Assert.Equal(1, Heap.Remnants->Take(smallest, &neighbour, 1));
            Assert.Equal(behind, (nuint)neighbour);
        }

        Volatile.Write(ref _done, true);
        reader.Join();
        Assert.Equal(0, _wrong);
        DropAllBut(int.MaxValue);
    }

    // A class that goes on filling its own spans keeps them.
    [Fact]
    public void ClassesInUseAreLeftAlone()
    {
        for (int generation = 0; generation < 6; generation++)
        {
            for (int part = 0; part < 32; part++)
            {
                Fill(48, Bytes / 32);
                Fill(640, Bytes / 32);
            }

            DropAllBut(3);
        }

        Assert.Equal((nuint)0, Heap.Remnants->Bytes);
    }

    // Each free object's room is one row: a heap at its limit is of such, and is served from them without a look at the spans that are full.
    [Fact]
    public void SingleObjectsBetweenNeighboursMakeRoomForWhatFits()
    {
        FreeEveryOther();
        nuint[] objects = new nuint[40_000];
        fixed (nuint* first = objects)
        {
            Assert.Equal(objects.Length, Heap.Remnants->Take(SizeClasses.Of(32), (void**)first, objects.Length));
        }

        _blocks.AddRange(objects.Select(address => (address, SizeClasses.Of(32))));
        DropAllBut(int.MaxValue);
        AssertNothingIsLeft();
    }

    // Where that was found out for one size, it is known for larger ones, until something comes back.
    [Fact]
    public void WhatFitsNowhereIsFoundAgainWhenThereIsRoom()
    {
        FreeEveryOther();
        nuint larger = SizeClasses.Of(96);
        void* block;
        while (Heap.Remnants->Take(larger, &block, 1, any: true) > 0) // behind the last block
        {
            _blocks.Add(((nuint)block, larger));
        }

        Assert.Equal(0, Heap.Remnants->Take(larger, &block, 1, any: true));
        Assert.Equal(0, Heap.Remnants->Take(SizeClasses.Of(256), &block, 1, any: true));
        Assert.Equal(1, Heap.Remnants->Take(SizeClasses.Of(48), &block, 1, any: true));
        _blocks.Add(((nuint)block, SizeClasses.Of(48)));

        (nuint address, nuint sizeClass) = _blocks[100];
        _blocks.RemoveAt(100);
        Assert.True(Give(address, sizeClass));
        Assert.Equal(0, Heap.Remnants->Take(SizeClasses.Of(256), &block, 1, any: true));
        Assert.Equal(1, Heap.Remnants->Take(larger, &block, 1, any: true));
        _blocks.Add(((nuint)block, larger));
        DropAllBut(int.MaxValue);
        AssertNothingIsLeft();
    }

    [Fact]
    public void WithoutMemoryForTheSetsSpansStayAsTheyAre()
    {
        Fill(48);
        DropAllBut(20);
        using (new MetadataShortage())
        {
            void* one;
            nuint sizeClass = SizeClasses.Of(112);
            if (CentralFreeLists.Take(sizeClass, &one, 1) == 1)
            {
                CentralFreeLists.Give(sizeClass, &one, 1);
            }
        }

        AssertBlocksAreWhole();
        DropAllBut(int.MaxValue);
        AssertNothingIsLeft();
    }

    // Remnants in which each free object lies between two that are out.
    private void FreeEveryOther()
    {
        Fill(48, 4 << 20);
        _blocks.Sort();
        for (int i = _blocks.Count - 2; i > 0; i -= 2)
        {
            void* one = (void*)_blocks[i].Address;
            CentralFreeLists.Give(_blocks[i].SizeClass, &one, 1);
            _blocks.RemoveAt(i);
        }

        foreach (CentralFreeList<Heap.Spans>* list in CentralFreeLists.Of(SizeClasses.Of(48)))
        {
            list->Shed(SizeClasses.Of(48), int.MaxValue, all: true);
        }
    }

    private void Fill(int size, int bytes = Bytes)
    {
        nuint sizeClass = SizeClasses.Of((nuint)size);
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        for (nuint filled = 0; filled < (nuint)bytes;)
        {
            int taken = CentralFreeLists.Take(sizeClass, objects, SizeClasses.Batch(sizeClass));
            Assert.InRange(taken, 1, SizeClasses.Batch(sizeClass));
            for (int i = 0; i < taken; i++)
            {
                _blocks.Add(((nuint)objects[i], sizeClass));
            }

            filled += (nuint)taken * SizeClasses.Size(sizeClass);
        }
    }

    // Keeps one of so many, drawn by lot.
    private void DropAllBut(int oneOf)
    {
        for (int i = _blocks.Count - 1; i >= 0; i--)
        {
            if (oneOf == int.MaxValue || _random.Next(oneOf) != 0)
            {
                // Every second one straight to the remnants, the others as caches give back.
                (nuint address, nuint sizeClass) = _blocks[i];
                Span* span = PageMap.SpanOf(address);
                if (span->Remnant && i % 2 == 0)
                {
                    Assert.True(Give(address, sizeClass));
                }
                else
                {
                    void* one = (void*)address;
                    CentralFreeLists.Give(sizeClass, &one, 1);
                }

                _blocks[i] = _blocks[^1];
                _blocks.RemoveAt(_blocks.Count - 1);
            }
        }
    }

    private static bool Give(nuint address, nuint sizeClass)
    {
        void* one = (void*)address;
        return Heap.Remnants->Give(sizeClass, &one, 1) == 0;
    }

    // None overlaps another, and all are aligned as their class is.
    private void AssertBlocksAreWhole()
    {
        nuint end = 0;
        foreach ((nuint address, nuint sizeClass) in _blocks.Order())
        {
            nuint size = SizeClasses.Size(sizeClass);
            nuint alignment = Math.Min(size & (0 - size), PageMap.PageSize);
            Assert.True(address >= end && address % alignment == 0, $"a block of {size} bytes at {address:x}, behind one that ends at {end:x}");
            end = address + size;
        }

        Assert.Equal((nuint)_blocks.Sum(block => (long)SizeClasses.Size(block.SizeClass)), Heap.BytesOut);
    }

    private void AssertSizesAreKnown()
    {
        foreach ((nuint address, nuint sizeClass) in _blocks)
        {
            Span* span = PageMap.SpanOf(address);
            Assert.Equal(span->Remnant ? 0 : sizeClass, PageMap.ClassOf(address));
            if (span->Remnant)
            {
                Assert.Equal(SizeClasses.Size(sizeClass), Remnants<Heap.RemnantSpans>.SizeAt(span, address));
                Assert.Equal(sizeClass, Heap.ClassBySpan((void*)address));
            }
        }
    }

    private static void AssertNothingIsLeft()
    {
        Heap.GiveKeptSpans(all: true);
        Assert.Equal(((nuint)0, (nuint)0, (nuint)0), (Heap.Pages->UsedBytes, Heap.Remnants->Bytes, Heap.Remnants->UsedBytes));
    }
}

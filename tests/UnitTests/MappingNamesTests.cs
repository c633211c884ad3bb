using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The names of mappings: given to all that is mapped, if they are asked for, and to nothing else.</summary>
public sealed unsafe class MappingNamesTests : AllocatorTest, IDisposable
{
    private const nuint MiB = 1 << 20;

    private readonly Defaults _defaults = new(typeof(Options), typeof(MappingNames));
    private readonly List<nint> _blocks = [];

    // Of heaps of other tests.
    private readonly HashSet<nuint> _before;

    public MappingNamesTests()
    {
        EmptyHeap();
        _before = [.. HugePages()];
    }

    public void Dispose()
    {
        _defaults.Dispose();
        foreach (nint block in _blocks)
        {
            LargeBlocks.Free(LargeBlocks.SpanOf((void*)block, Caller.Free));
        }

        EmptyHeap();
    }

    [Fact]
    public void UnlessAskedForThereAreNone()
    {
        OptionsTests.Read("NATIVEMALLOC_NAMES=0");
        Use();
        MappingNames.GiveToAll();
        Assert.Equal(0, Os.NameCalls);
    }

    [Fact]
    public void AllOfTheHeapAndTheStructuresHasOneAndNoGuard()
    {
        OptionsTests.Read("NATIVEMALLOC_NAMES=1");
        MetadataMapping* before = Metadata.Mappings;
        Use();
        AssertHeapIsNamed();
        for (MetadataMapping* mapping = Metadata.Mappings; mapping != before; mapping = mapping->Next)
        {
            AssertNamed((nuint)mapping->Start, mapping->Bytes, "nativemalloc-structures");
        }

        Assert.All(Os.Names.Keys, page => Assert.True(Os.IsLive(page, 1)));
        Assert.Empty(Os.Written);
    }

    [Fact]
    public void WhatWasThereBeforeGetsOneToo()
    {
        Use();
        OptionsTests.Read("NATIVEMALLOC_NAMES=1");
        MappingNames.GiveToAll();
        AssertHeapIsNamed();
        for (MetadataMapping* mapping = Metadata.Mappings; mapping != null; mapping = mapping->Next)
        {
            AssertNamed((nuint)mapping->Start, mapping->Bytes, "nativemalloc-structures");
        }
    }

    // A kernel without names, or a filter: it would refuse the next, too.
    [Theory]
    [InlineData(-22)]
    [InlineData(-1)]
    [InlineData(-38)]
    public void AfterARefusalNobodyAsksAgain(int error)
    {
        OptionsTests.Read("NATIVEMALLOC_NAMES=1");
        Os.NameResult = error;
        Use();
        Assert.Equal(1, Os.NameCalls);
    }

    [Fact]
    public void OneMappingTooManyIsNoRefusal()
    {
        OptionsTests.Read("NATIVEMALLOC_NAMES=1");
        Os.NameResult = -Errno.NoMemory;
        Allocate(4 * MiB);
        Os.NameResult = 0;
        nuint next = (nuint)Allocate(64 * MiB);
        AssertNamed(next, 64 * MiB, "nativemalloc-heap");
    }

    // Rows that grow on both sides and begin anew; blocks that move, and whose places are mapped anew.
    private void Use()
    {
        for (int i = 0; i < 40; i++)
        {
            Allocate((nuint)(i % 7 + 1) * MiB);
            if (i == 20)
            {
                Os.Space.TakeAt((nuint)_blocks.Min() - 16 * MiB, 4096); // somebody else is in the way
            }
        }

        byte* moved = Allocate(4 * MiB);
        Allocate(2 * MiB); // which hems it in
        int moves = Os.MoveCalls;
        _blocks.Remove((nint)moved);
        moved = (byte*)Resize(SpanOf(moved), 60 * MiB);
        Assert.Equal(moves + 1, Os.MoveCalls);
        LargeBlocks.Free(SpanOf(moved));
        Reserve.TryFree(Reserve.Allocate(20000, 16));
    }

    private byte* Allocate(nuint size)
    {
        void* block = LargeBlocks.Allocate(size, PageMap.PageSize);
        Assert.True(block != null);
        _blocks.Add((nint)block);
        return (byte*)block;
    }

    private void AssertHeapIsNamed()
    {
        nuint[] own = [.. HugePages().Where(start => !_before.Contains(start))];
        Assert.InRange(own.Length, 60, 1000);
        Assert.All(own, start => AssertNamed(start, PageMap.HugePageSize, "nativemalloc-heap"));
    }

    private static List<nuint> HugePages()
    {
        List<nuint> starts = [];
        nuint start = 0;
        for (; PageMap.NextHugePage(ref start) != null; start += PageMap.HugePageSize)
        {
            starts.Add(start);
        }

        return starts;
    }

    private static void AssertNamed(nuint start, nuint bytes, string name)
    {
        for (nuint page = 0; page < bytes; page += 4096)
        {
            Assert.True(Os.Names.TryGetValue(start + page, out string its), $"{start + page:x}, {page / 4096} of {bytes / 4096}, has no name");
            Assert.Equal(name, its);
        }
    }

    private static Span* SpanOf(byte* block) => LargeBlocks.SpanOf(block, Caller.Free);
}

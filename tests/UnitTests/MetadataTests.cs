using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class MetadataTests : AllocatorTest
{
    [Fact]
    public void StructuresAreZeroedAlignedAndApart()
    {
        Random random = new(1);
        List<(nuint Start, nuint Bytes)> all = [];
        nuint before = Metadata.MappedBytes;
        for (int i = 0; i < 2000; i++)
        {
            int bytes = random.Next(1, random.Next(50) == 0 ? 1 << 20 : 5000);
            byte* structure = Metadata.Allocate((nuint)bytes);
            Assert.Equal(0, (nint)structure % 64);
            Assert.Equal(-1, new Span<byte>(structure, bytes).IndexOfAnyExcept((byte)0));
            new Span<byte>(structure, bytes).Fill(0xff);
            all.Add(((nuint)structure, (nuint)bytes));
        }

        all.Sort();
        Assert.All(all.Zip(all.Skip(1)), pair => Assert.True(pair.First.Start + pair.First.Bytes <= pair.Second.Start));
        Assert.Equal(Os.LiveBytes, Metadata.MappedBytes - before);
    }

    // A limit on the process's memory counts that.
    [Fact]
    public void OfSparseStructuresOnlyWhatIsTouchedCounts()
    {
        nuint before = Metadata.TouchedBytes;
        Assert.True(Metadata.AllocateSparse(300_000) != null && Metadata.MapAside(5 << 20, MappingNames.Structures) != null);
        Assert.Equal(before, Metadata.TouchedBytes);
        Assert.True(Metadata.Allocate(1000) != null);
        Assert.Equal(before + 1000, Metadata.TouchedBytes);
        Slab* slab = Slab.Create(Metadata.AllocateSparse(300_000), 300_000, 1, 1 << 20);
        Assert.True(slab != null);
        Assert.InRange(Metadata.TouchedBytes - before, (nuint)1000 + (nuint)sizeof(Slab), (nuint)1000 + (nuint)sizeof(Slab) + 64);
    }

    // Each mapping is one of those that a process may have.
    [Fact]
    public void ManyStructuresAreInFewMappings()
    {
        int before = Os.MapCalls;
        for (int i = 0; i < 200 * 256; i++)
        {
            Assert.True(Metadata.Allocate(4096) != null);
        }

        Assert.InRange(Os.MapCalls - before, 1, 50);
    }

    // One that is small enough for what there is left.
    [Fact]
    public void WhereMoreAheadIsNotToBeHadAChunkIs()
    {
        for (int i = 0; i < 40 * 256; i++)
        {
            Assert.True(Metadata.Allocate(4096) != null);
        }

        Os.Limit = Os.LiveBytes + (1 << 20);
        nuint before = Metadata.MappedBytes;
        while (Metadata.Allocate(4096) != null)
        {
        }

        Assert.Equal(before + (1 << 20), Metadata.MappedBytes);
    }

    [Fact]
    public void WithoutMemoryThereIsNone()
    {
        using (new MetadataShortage())
        {
            nuint before = Metadata.MappedBytes;
            Assert.True(Metadata.Allocate(64) == null);
            Assert.True(Metadata.Allocate(1 << 20) == null);
            Assert.True(Metadata.MapAside(64, MappingNames.Structures) == null);
            Assert.Equal(before, Metadata.MappedBytes);
        }

        Assert.True(Metadata.Allocate(64) != null);
    }

    [Fact]
    public void WhatCannotBeMappedCostsNothing()
    {
        byte* before = Metadata.Allocate(64);
        Os.MapsToFail = int.MaxValue;
        for (int i = 0; i < 20_000; i++)
        {
            Assert.True(Metadata.MapAside(1 << 20, MappingNames.Structures) == null);
        }

        byte* behind = Metadata.Allocate(64); // of the same chunk
        Os.MapsToFail = 0;
        Assert.True(behind == before + 64);
    }

    [Fact]
    public void APoolGivesOutZeroedStructuresAgain()
    {
        MetadataPool pool = default;
        byte* first = (byte*)pool.Take(100);
        byte* second = (byte*)pool.Take(100);
        new Span<byte>(first, 100).Fill(0xff);
        pool.Give(first);
        Assert.True(pool.Take(100) == first);
        Assert.Equal(-1, new Span<byte>(first, 100).IndexOfAnyExcept((byte)0));
        Assert.True(pool.Take(100) != second);
    }
}

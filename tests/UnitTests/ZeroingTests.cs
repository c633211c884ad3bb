using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What calloc fills, drops and leaves alone.</summary>
public sealed unsafe class ZeroingTests : AllocatorTest, IDisposable
{
    private const nuint MiB = 1 << 20;

    private readonly List<nint> _blocks = [];

    public ZeroingTests() => *Heap.Pages = default;

    public void Dispose()
    {
        Os.RefuseRelease = false;
        Os.IgnoreRelease = false;
        Os.ReleaseUnit = AddressSpace.SystemPage;
        Os.MoveLosesSource = false;
        TryPromises();
        foreach (nint block in _blocks)
        {
            LargeBlocks.Free(LargeBlocks.SpanOf((void*)block, Caller.Free));
        }

        Heap.Pages->Release(nuint.MaxValue);
    }

    [Fact]
    public void PagesThatHeldNothingAreLeftAlone()
    {
        Free(Dirty(Allocate(3 * MiB), 0, 3 * MiB)); // all of which is kept
        byte* block = AllocateZeroed(60 * MiB);
        Assert.InRange(Resident(block, 60 * MiB), (nuint)0, 3 * MiB);
        SpanPattern.AssertZero((nuint)block, 60 * MiB, "partly fresh");
    }

    // The kernel would fault each page in anew.
    [Fact]
    public void WhatWasUsedIsFilled()
    {
        byte* block = Again(Dirty(Allocate(4 * MiB), 0, 4 * MiB), 4 * MiB);
        Assert.Equal((4 * MiB, (nuint)0), (Resident(block, 4 * MiB), Os.ReleasedBytes));
        SpanPattern.AssertZero((nuint)block, 4 * MiB, "filled");
    }

    // And its few bytes are not forgotten.
    [Fact]
    public void WhatWasHardlyTouchedIsDropped()
    {
        byte* block = Allocate(4 * MiB);
        for (nuint place = 0; place < 4 * MiB; place += 300_000)
        {
            block[place] = 1;
        }

        block = Again(block, 4 * MiB);
        Assert.InRange(Resident(block, 4 * MiB), (nuint)0, MiB / 4);
        SpanPattern.AssertZero((nuint)block, 4 * MiB, "dropped");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    public void EachPartIsCleanedAsItWasUsed(int first, int count)
    {
        byte* block = Again(Dirty(Allocate(4 * MiB), (nuint)first * MiB, (nuint)count * MiB), 4 * MiB);
        Assert.InRange(Resident(block, 4 * MiB), (nuint)count * MiB / 2, (nuint)count * MiB + MiB / 2);
        SpanPattern.AssertZero((nuint)block, 4 * MiB, "mixed");
    }

    // What was used is not dropped with what was not: it would be faulted in each time.
    [Fact]
    public void APartThatIsUsedAgainAndAgainStays()
    {
        Allocate(360 * MiB); // beside which so much goes back when it is idle
        byte* block = Allocate(24 * MiB);
        for (int round = 0; round < 3; round++)
        {
            block = Again(Dirty(block, 0, 8 * MiB), 24 * MiB);
            Assert.InRange(Resident(block, 24 * MiB), 8 * MiB - MiB / 4, 8 * MiB + MiB / 2);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void EveryCombinationReadsZero(int seed)
    {
        Random random = new(seed);
        for (int step = 0; step < 300; step++)
        {
            Os.RefuseRelease = random.Next(4) == 0;
            if (_blocks.Count > 0 && random.Next(2) == 0)
            {
                Free((byte*)_blocks[random.Next(_blocks.Count)]);
                continue;
            }

            nuint size = (nuint)random.Next(SizeClasses.MaxSize, random.Next(4) == 0 ? 9_000_000 : 600_000);
            byte* block = Remember(LargeBlocks.MakeZero(LargeBlocks.TakeSpan(size, 16), size));
            Assert.Equal(-1, new Span<byte>(block, (int)size).IndexOfAnyExcept((byte)0));
            for (nuint start = 0; start < size;)
            {
                nuint length = Math.Min(size - start, (nuint)random.Next(1, 400_000));
                new Span<byte>(block + start, (int)length).Fill((byte)(random.Next(3) == 0 ? 0xff : 0));
                start += length;
            }
        }
    }

    [Fact]
    public void WhereTheKernelRefusesItIsFilled()
    {
        byte* block = Allocate(4 * MiB);
        block[5] = 1;
        Os.RefuseRelease = true;
        block = Again(block, 4 * MiB);
        SpanPattern.AssertZero((nuint)block, 4 * MiB, "refused");
    }

    // As qemu-user 5.2 does, and a kernel whose pages are larger than ours.
    [Theory]
    [InlineData(4096, true)]
    [InlineData(65536, false)]
    public void WhereReleasedMemoryKeepsItsBytesNoneIsReleased(int unit, bool ignored)
    {
        Promises.Forget();
        Os.IgnoreRelease = ignored;
        Os.ReleaseUnit = (nuint)unit;
        Free(Dirty(Allocate(40 * MiB), 0, 40 * MiB));
        Assert.True(Promises.ReleaseIsBroken);
        Assert.Equal((nuint)0, Heap.Pages->Release(nuint.MaxValue));
        Assert.Equal(40 * MiB, Heap.Pages->FreeBytes);
        SpanPattern.AssertZero((nuint)AllocateZeroed(12 * MiB), 12 * MiB, "not released");
    }

    // Nothing is tried on what goes back: looked at, a page would be there again.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void TheFirstRowThatGoesBackIsGone(int count)
    {
        Promises.Forget();
        byte* pages = Os.Map(8 * PageMap.PageSize);
        Dirty(pages, 0, 8 * PageMap.PageSize);
        Assert.True(Promises.Release(pages, (nuint)count * PageMap.PageSize));
        Assert.Equal((nuint)(8 - count) * PageMap.PageSize, Resident(pages, 8 * PageMap.PageSize));
        Assert.Equal(0xff, pages[(nuint)count * PageMap.PageSize]);
    }

    [Fact]
    public void WhatIsRefusedIsTriedAgain()
    {
        Promises.Forget();
        byte* pages = Os.Map(PageMap.PageSize);
        pages[0] = 1;
        Os.RefuseRelease = true;
        Assert.False(Promises.Release(pages, PageMap.PageSize));
        Assert.Equal((1, false), (pages[0], Promises.ReleaseIsBroken));
        Os.RefuseRelease = false;
        Assert.True(Promises.Release(pages, PageMap.PageSize));
        Assert.Equal(0, pages[0]);
    }

    [Fact]
    public void WhereAMovedBlocksPlaceIsLostItIsCopied()
    {
        Promises.Forget();
        Os.MoveLosesSource = true;
        byte* block = Allocate(8 * MiB);
        Allocate(8 * MiB);
        Assert.True(Resize(LargeBlocks.SpanOf(block, Caller.Free), 20 * MiB) == null);
        Assert.False(Promises.MovesLeaveZeros);
        Assert.True(PageMap.SpanOf((nuint)block)->Bytes == 8 * MiB);
    }

    private byte* Allocate(nuint size) => Remember(LargeBlocks.Allocate(size, PageMap.PageSize));

    private byte* AllocateZeroed(nuint size) => Remember(LargeBlocks.AllocateZeroed(size));

    // Freed, and had again by calloc.
    private byte* Again(byte* block, nuint size)
    {
        Free(block);
        byte* again = AllocateZeroed(size);
        Assert.True(block == again);
        return again;
    }

    private byte* Remember(void* block)
    {
        Assert.True(block != null);
        _blocks.Add((nint)block);
        return (byte*)block;
    }

    private void Free(byte* block)
    {
        Assert.True(_blocks.Remove((nint)block));
        LargeBlocks.Free(LargeBlocks.SpanOf(block, Caller.Free));
    }

    private static byte* Dirty(byte* block, nuint start, nuint bytes)
    {
        new Span<byte>(block + start, (int)bytes).Fill(0xff);
        return block;
    }

    private static nuint Resident(byte* start, nuint bytes)
    {
        byte[] pages = new byte[bytes / AddressSpace.SystemPage];
        fixed (byte* first = pages)
        {
            Assert.Equal(0, LibC.InCore(start, bytes, first));
        }

        return (nuint)pages.Count(page => (page & 1) != 0) * AddressSpace.SystemPage;
    }
}

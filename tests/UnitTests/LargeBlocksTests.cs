using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class LargeBlocksTests : AllocatorTest, IDisposable
{
    private const nuint MiB = 1 << 20;

    private readonly List<nint> _blocks = [];

    // An empty heap: what tests before left of it would decide where blocks come to lie.
    public LargeBlocksTests() => *Heap.Pages = default;

    public void Dispose()
    {
        foreach (nint block in _blocks)
        {
            LargeBlocks.Free(LargeBlocks.SpanOf((void*)block, Caller.Free));
        }

        Heap.Pages->Release(nuint.MaxValue);
    }

    [Theory]
    [InlineData(1, 128)]
    [InlineData(300_000, 4096)]
    [InlineData(300_000, 1 << 16)]
    [InlineData(5_000_000, 1 << 22)]
    public void BlocksAreAlignedAndLargeEnough(int size, int alignment)
    {
        Span* span = SpanOf(Allocate((nuint)size, (nuint)alignment));
        Assert.Equal((nuint)0, span->Block % (nuint)alignment);
        Assert.Equal((nuint)(size + 8191) / 8192 * 8192, span->Bytes);
    }

    // Those that none is promised, but a line's.
    [Theory]
    [InlineData(262_145, 16)]
    [InlineData(300_000, 32)]
    [InlineData(301_055, 64)]
    [InlineData(1 << 20, 16)]
    [InlineData((1 << 20) - 1023, 16)]
    [InlineData((1 << 20) + 5000, 16)]
    public void OthersBeginAtManyPlacesOfAPage(int size, int alignment)
    {
        HashSet<nuint> places = [];
        for (int i = 0; i < 100; i++)
        {
            Span* span = SpanOf(Allocate((nuint)size, (nuint)alignment));
            Assert.Equal((nuint)0, span->Block % 64);
            Assert.InRange(span->BlockBytes, (nuint)size, (nuint)size + 63);
            Assert.Equal(LargeBlocks.RoomFor((nuint)size), span->BlockBytes);
            Assert.InRange(span->Block, span->Start, span->Start + span->Bytes - span->BlockBytes);
            Assert.InRange(span->Bytes, (nuint)size, (nuint)size + 2 * PageMap.PageSize - 1);
            places.Add(span->Block % 4096);
        }

        Assert.InRange(places.Count, 16, 64);
    }

    // At no memory: where the last of the kernel's pages has a quarter to spare, no other is touched.
    [Fact]
    public void WhatABlocksLastPageSparesIsWhereItIsMoved()
    {
        for (nuint size = 300_000; size < 400_000; size += 777)
        {
            Span* span = SpanOf(Allocate(size, 16));
            nuint spare = (0 - size) % 4096;
            nuint touched = (span->Block + size - span->Start + 4095) / 4096;
            Assert.InRange(touched, (size + 4095) / 4096, (size + 4095) / 4096 + (spare < 1024 ? (nuint)1 : 0));
        }
    }

    // It would take a page more.
    [Fact]
    public void TheLastRoomForABlockIsNotRefusedForAPlaceInAPage()
    {
        byte* block = Allocate(4 * MiB, PageMap.PageSize);
        Os.Limit = Os.LiveBytes;
        Assert.True(LargeBlocks.Allocate(PageMap.PageSize, 16) == null); // or that page would be it
        LargeBlocks.Free(SpanOf(Forget(block)));
        Assert.True(Allocate(4 * MiB, 16) == block);
    }

    // Be it the heap's limit or that of the addresses: what the caches hold may be what is missing, also for a block larger than all that the heap has.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void CachesAreEmptiedForABlockOfAnySizeThatCouldBeHad(bool limited)
    {
        using Defaults defaults = new(typeof(Options));
        Assert.True(Heap.Initialize());
        Allocate(20 * MiB, 16);
        nuint mapped = Heap.Pages->MappedBytes;
        if (limited)
        {
            OptionsTests.Read($"NATIVEMALLOC_LIMIT={mapped + 10 * MiB}");
        }
        else
        {
            Os.Limit = Os.LiveBytes + 10 * MiB;
        }

        FrontEnd.Drains = 0;
        Assert.True(LargeBlocks.Allocate(mapped + 30 * MiB, 16) == null && FrontEnd.Drains == 0); // not that one
        Assert.True(LargeBlocks.Allocate(mapped + 5 * MiB, 16) == null && FrontEnd.Drains == 1);
    }

    [Fact]
    public void WhereABlockBeginsItStaysThroughResizes()
    {
        byte* block;
        do
        {
            block = Allocate(8 * MiB, 16);
        }
        while ((nuint)block % 4096 == 0); // by lot, which would show nothing

        nuint place = (nuint)block % 4096;
        foreach (nuint size in new nuint[] { 5 * MiB, 5 * MiB + 8000, 9 * MiB, 40 * MiB, 39 * MiB + 1, 60 * MiB })
        {
            new System.Span<byte>(block, 5 << 20).Fill((byte)size);
            block = Remember(Resize(SpanOf(Forget(block)), size));
            Assert.Equal(place, (nuint)block % 4096);
            Assert.InRange(SpanOf(block)->BlockBytes, size, SpanOf(block)->Start + SpanOf(block)->Bytes - (nuint)block);
            Assert.Equal(-1, new System.Span<byte>(block, 5 << 20).IndexOfAnyExcept((byte)size));
        }
    }

    [Fact]
    public void ABlockOfNothingIsAPage() => Assert.Equal(PageMap.PageSize, SpanOf(Allocate(0, 1 << 14))->Bytes);

    [Theory]
    [InlineData(ulong.MaxValue, 16)]
    [InlineData(LargeBlocks.MaxSize + 1, 16)]
    [InlineData(LargeBlocks.MaxSize, 16)]
    [InlineData(1, 1UL << 63)]
    [InlineData(1, 1UL << 62)]
    public void WhatIsTooLargeIsRefused(ulong size, ulong alignment) =>
        Assert.True(LargeBlocks.Allocate((nuint)size, (nuint)alignment) == null);

    [Fact]
    public void ZeroedBlocksReadZeroWhateverWasThere()
    {
        byte* dirty = Allocate(3 * MiB);
        new System.Span<byte>(dirty, 3 << 20).Fill(0xff);
        nuint start = (nuint)dirty;
        LargeBlocks.Free(SpanOf(Forget(dirty)));
        byte* zeroed = Remember(LargeBlocks.AllocateZeroed(3 * MiB));
        Assert.Equal(start, (nuint)zeroed); // or the test would show nothing
        Assert.Equal(-1, new System.Span<byte>(zeroed, 3 << 20).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void GrowsWhereItStands()
    {
        byte* block = Allocate(4 * MiB);
        byte* behind = Allocate(4 * MiB);
        Assert.Equal((nuint)block + 4 * MiB, (nuint)behind);
        LargeBlocks.Free(SpanOf(Forget(behind)));
        SpanPattern.Write((nuint)block, 4 * MiB, 1);
        Assert.True(Resize(SpanOf(block), 7 * MiB) == block);
        Assert.Equal((7 * MiB, 0), (SpanOf(block)->Bytes, Os.MoveCalls));
        SpanPattern.AssertIs((nuint)block, 4 * MiB, 1, "in place");
    }

    [Fact]
    public void ShrinksWhereItStands()
    {
        byte* block = Allocate(4 * MiB);
        nuint used = Heap.Pages->UsedBytes;
        SpanPattern.Write((nuint)block, 4 * MiB, 1);
        Assert.True(Resize(SpanOf(block), MiB + 1) == block);
        Assert.Equal(MiB + PageMap.PageSize, SpanOf(block)->Bytes);
        Assert.Equal(used - 3 * MiB + PageMap.PageSize, Heap.Pages->UsedBytes);
        SpanPattern.AssertIs((nuint)block, MiB + PageMap.PageSize, 1, "shrunk");
        Assert.True(Resize(SpanOf(block), MiB + PageMap.PageSize) == block);
    }

    [Fact]
    public void MovesItsPagesWhereItCannotGrow()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        SpanPattern.Write((nuint)block, 4 * MiB, 1);
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 8 * MiB));
        Assert.True(moved != block);
        Assert.Equal((8 * MiB, 1), (SpanOf(moved)->Bytes, Os.MoveCalls));
        SpanPattern.AssertIs((nuint)moved, 4 * MiB, 1, "moved");

        // The old pages are free, and known to read zero.
        Assert.True(PageMap.SpanOf((nuint)block) == null);
        byte* zeroed = Remember(LargeBlocks.AllocateZeroed(4 * MiB));
        Assert.True(zeroed == block);
        SpanPattern.AssertZero((nuint)zeroed, 4 * MiB, "left behind");
    }

    [Fact]
    public void WhereItWasIsNobodysBeforeTheMoveHasEnded()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        Span* before = SpanOf(Forget(block)), span = before;
        byte* moved = Remember(LargeBlocks.Resize(ref span, 8 * MiB));
        Assert.True(span != before && moved == (byte*)span->Block);
        Assert.True(Allocate(4 * MiB) != block);
        LargeBlocks.EndMove(before, span);
        Assert.True(Allocate(4 * MiB) == block);
    }

    // Whole huge pages of their own, until they are left.
    [Fact]
    public void PlacesOfMovedBlocksAreMappedAnewWhenTheyAreLeft()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 9 * MiB));
        Assert.Equal(10 * MiB, SpanOf(moved)->Bytes);
        Assert.InRange((int)Heap.Pages->MovedMappings, 1, 2); // none begins at the heap's end
        byte* neighbour = Allocate(4 * MiB);
        Assert.True(neighbour == block);
        neighbour = Remember(Resize(SpanOf(Forget(neighbour)), 20 * MiB));
        Assert.True(neighbour != block);
        Assert.InRange((int)Heap.Pages->MovedMappings, 2, 4);

        // It goes on to another place, rather than grow where it stands.
        SpanPattern.Write((nuint)moved, 9 * MiB, 3);
        int maps = Os.MapCalls;
        byte* further = Remember(Resize(SpanOf(Forget(moved)), 11 * MiB));
        Assert.True(further != moved);
        Assert.InRange(Os.MapCalls, maps + 1, maps + 5); // the heap may have grown, on its row's second side
        SpanPattern.AssertIs((nuint)further, 9 * MiB, 3, "moved again");
        SpanPattern.AssertZero((nuint)moved, 10 * MiB, "left behind");

        Assert.True(Resize(SpanOf(further), 5 * MiB) == further);
        Assert.Equal(6 * MiB, SpanOf(further)->Bytes);
        Assert.True(Resize(SpanOf(further), 6 * MiB) == further);
        Assert.True(Resize(SpanOf(further), MiB) == null); // one of two would stay
        maps = Os.MapCalls;
        LargeBlocks.Free(SpanOf(Forget(further)));
        LargeBlocks.Free(SpanOf(Forget(neighbour)));
        Assert.Equal((0, maps + 2), ((int)Heap.Pages->MovedMappings, Os.MapCalls));
        SpanPattern.AssertZero((nuint)further, 6 * MiB, "freed");
    }

    [Fact]
    public void BeyondSoManyMappingsABlockIsLeftToBeCopied()
    {
        MovedBlocks.MostMappings = 2; // one may be two
        byte* block = AllocateHemmedIn(4 * MiB);
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 8 * MiB));
        byte* other = Allocate(4 * MiB);
        Assert.True(other == block);
        Assert.True(Resize(SpanOf(other), 8 * MiB) == null);
        LargeBlocks.Free(SpanOf(Forget(moved)));
        Assert.True(Remember(Resize(SpanOf(Forget(other)), 8 * MiB)) != other);
    }

    // It still counts.
    [Fact]
    public void APlaceThatCannotBeMappedAnewStaysAsItIs()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 8 * MiB));
        Os.RefuseWithdraw = true;
        (nuint used, nint mappings) = (Heap.Pages->UsedBytes, Heap.Pages->MovedMappings);
        LargeBlocks.Free(SpanOf(Forget(moved)));
        Assert.Equal((used - 8 * MiB, mappings), (Heap.Pages->UsedBytes, Heap.Pages->MovedMappings));
        Assert.True(Allocate(8 * MiB) == moved);
        Os.RefuseWithdraw = false;
    }

    // What is lost when a block shrinks is not the block's either: it could be neither touched nor copied.
    [Fact]
    public void AMovedBlockThatShrinksLosesThePagesThatAreLost()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 20 * MiB));
        nuint used = Heap.Pages->UsedBytes;
        Os.MapsToFail = 2;
        Assert.True(Resize(SpanOf(moved), 8 * MiB) == moved);
        Assert.Equal((8 * MiB, used), (SpanOf(moved)->Bytes, Heap.Pages->UsedBytes));
        SpanPattern.Write((nuint)moved, 8 * MiB, 5);
    }

    // Nobody gets it again.
    [Fact]
    public void APlaceThatHasLostItsMemoryStaysInUse()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 8 * MiB));
        nuint used = Heap.Pages->UsedBytes;
        Os.MapsToFail = 2;
        LargeBlocks.Free(SpanOf(Forget(moved)));
        Assert.Equal(used, Heap.Pages->UsedBytes);
        Assert.True(Allocate(8 * MiB) != moved);
    }

    [Fact]
    public void AForkWaitsForOneStepOfAMovedBlockThatIsFreed()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 40 * MiB));
        (nuint used, nint mappings) = (Heap.Pages->UsedBytes, Heap.Pages->MovedMappings);
        int steps = 0;
        Os.WhileReleasing = () =>
        {
            if (steps++ == 0)
            {
                ForkGate.Close(Shim.Thread() + 1);
            }
        };
        LargeBlocks.Free(SpanOf(Forget(moved)));
        ForkGate.Open(Shim.Thread() + 1);
        Assert.Equal(1, steps);
        Assert.Equal((used - 40 * MiB, mappings), (Heap.Pages->UsedBytes, Heap.Pages->MovedMappings));
    }

    [Fact]
    public void ASmallerBlockIsLeftToBeCopied()
    {
        byte* block = AllocateHemmedIn(2 * MiB);
        Assert.True(Resize(SpanOf(block), 8 * MiB) == null);
        Assert.Equal((2 * MiB, 0), (SpanOf(block)->Bytes, Os.MoveCalls));
    }

    [Fact]
    public void WhereTheKernelDoesNotMoveTheBlockStaysAsItWas()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        SpanPattern.Write((nuint)block, 4 * MiB, 1);
        nuint used = Heap.Pages->UsedBytes;
        Os.RefuseMove = MoveResult.Refused;
        Assert.True(Resize(SpanOf(block), 8 * MiB) == null);
        Assert.Equal((1, used), (Os.MoveCalls, Heap.Pages->UsedBytes));
        SpanPattern.AssertIs((nuint)block, 4 * MiB, 1, "not moved");

        // What was refused once is not asked for again.
        Os.RefuseMove = null;
        Assert.True(Resize(SpanOf(block), 8 * MiB) == null);
        Assert.Equal((1, used), (Os.MoveCalls, Heap.Pages->UsedBytes));
    }

    [Fact]
    public void WhereThereIsTooLittleMemoryForAMoveTheNextIsTried()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        SpanPattern.Write((nuint)block, 4 * MiB, 1);
        Os.RefuseMove = MoveResult.Short;
        Assert.True(Resize(SpanOf(block), 8 * MiB) == null);
        Os.RefuseMove = null;
        byte* moved = Remember(Resize(SpanOf(Forget(block)), 8 * MiB));
        Assert.True(moved != null && moved != block);
        SpanPattern.AssertIs((nuint)moved, 4 * MiB, 1, "moved");
    }

    // A quarter more at most, and what it shrinks by goes back.
    [Fact]
    public void ABlockThatGrowsInSmallStepsIsMovedSeldom()
    {
        byte* block = AllocateHemmedIn(256 * MiB);
        for (nuint size = 257 * MiB; size <= 512 * MiB; size += MiB)
        {
            block = Remember(Resize(SpanOf(Forget(block)), size));
            Assert.True(block != null);
            Assert.InRange(SpanOf(block)->Bytes, size, size / 4 * 5 + 2 * MiB);
        }

        Assert.InRange(Os.MoveCalls, 3, 4);
        Assert.True(Resize(SpanOf(block), 500 * MiB) == block);
        Assert.Equal(500 * MiB, SpanOf(block)->Bytes);
    }

    [Fact]
    public void ATargetThatTheKernelUnmappedIsNeverUsedAgain()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        SpanPattern.Write((nuint)block, 4 * MiB, 1);
        nuint used = Heap.Pages->UsedBytes;
        Os.RefuseMove = MoveResult.TargetLost;
        Assert.True(Resize(SpanOf(block), 8 * MiB) == null);
        Assert.Equal(used + 8 * MiB, Heap.Pages->UsedBytes);
        SpanPattern.AssertIs((nuint)block, 4 * MiB, 1, "not moved");
    }

    [Fact]
    public void WithoutMemoryTheBlockStaysAsItWas()
    {
        byte* block = AllocateHemmedIn(4 * MiB);
        Os.MapsToFail = int.MaxValue;
        Assert.True(Resize(SpanOf(block), 1000 * MiB) == null);
        Assert.Equal(4 * MiB, SpanOf(block)->Bytes);
        Os.MapsToFail = 0;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void KeepsContentsThroughRandomResizes(int seed)
    {
        Random random = new(seed);
        for (int i = 0; i < 8; i++)
        {
            SpanPattern.Write((nuint)Allocate(MiB, 16), MiB, (ulong)i);
        }

        for (int step = 0; step < 500; step++)
        {
            int index = random.Next(_blocks.Count);
            byte* block = (byte*)_blocks[index];
            nuint old = SpanOf(block)->BlockBytes;
            nuint size = (nuint)random.Next(1, random.Next(2) == 0 ? 1 << 20 : 12 << 20);
            byte* resized = (byte*)Resize(SpanOf(block), size);
            if (resized == null)
            {
                resized = (byte*)LargeBlocks.Allocate(size, 16);
                Buffer.MemoryCopy(block, resized, (long)size, (long)Math.Min(old, size));
                LargeBlocks.Free(SpanOf(block));
            }

            _blocks[index] = (nint)resized;
            nuint bytes = SpanOf(resized)->BlockBytes / 4096 * 4096;
            SpanPattern.AssertIs((nuint)resized, Math.Min(old, size) / 4096 * 4096, (ulong)index, $"seed {seed}, step {step}");
            SpanPattern.Write((nuint)resized, bytes, (ulong)index);
        }
    }

    [Fact]
    public void WhatIsNoBlockEndsTheProcess()
    {
        byte* block = Allocate(MiB);
        Assert.Throws<AbortException>(() => SpanOf(block + PageMap.PageSize));
        Assert.Throws<AbortException>(() => SpanOf(block + 16));
        Assert.Throws<AbortException>(() => SpanOf(null));
        Assert.StartsWith("nativemalloc: free(0x0): ", Encoding.ASCII.GetString(Os.Written.Last()));
        LargeBlocks.Free(SpanOf(Forget(block)));
        Assert.Throws<AbortException>(() => SpanOf(block));
    }

    // With another block right behind it.
    private byte* AllocateHemmedIn(nuint size)
    {
        byte* block = Allocate(size);
        byte* wall = Allocate(PageMap.HugePageSize);
        Assert.Equal((nuint)block + size, (nuint)wall);
        return block;
    }

    private byte* Allocate(nuint size, nuint alignment = PageMap.PageSize) => Remember(LargeBlocks.Allocate(size, alignment));

    private byte* Remember(void* block)
    {
        Assert.True(block != null);
        _blocks.Add((nint)block);
        return (byte*)block;
    }

    private byte* Forget(byte* block)
    {
        Assert.True(_blocks.Remove((nint)block));
        return block;
    }

    private static Span* SpanOf(void* block) => LargeBlocks.SpanOf(block, Caller.Free);
}

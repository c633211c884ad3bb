using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class PageHeapTests : AllocatorTest, IDisposable
{
    /// <summary>Before the last row, behind it, and elsewhere.</summary>
    private const int PlacesTried = 3;

    private const nuint LeastKept = (nuint)ReleasePolicy.LeastKept << PageMap.PageShift;
    private const nuint PagesPerHugePage = PageBits.Pages;
    private const nuint RowPages = 8;

    private readonly PageHeap* _heap = (PageHeap*)NativeMemory.AllocZeroed((nuint)sizeof(PageHeap));
    private readonly PageHeapModel _model;

    public PageHeapTests() => _model = new PageHeapModel(_heap);

    public void Dispose()
    {
        Os.RefuseRelease = false;
        _heap->Release(nuint.MaxValue);
        NativeMemory.Free(_heap);
    }

    [Fact]
    public void FreshMemoryReadsZeroAndUsedMemoryIsNotSaidTo()
    {
        Span* span = _model.Take(10, PageMap.PageSize);
        Assert.Equal(0, PageHeapModel.CountOldPages(span));
        _model.Give(span);
        span = _model.Take(10, PageMap.PageSize);
        Assert.Equal(10, PageHeapModel.CountOldPages(span));
        _model.Give(span);
        _model.Release(nuint.MaxValue);
        Assert.Equal(0, PageHeapModel.CountOldPages(_model.Take(10, PageMap.PageSize)));
    }

    [Fact]
    public void OfASpanThatIsPartlyFreshThatPartIsKnown()
    {
        _model.Give(_model.Take(1, PageMap.PageSize));
        Assert.Equal(1, PageHeapModel.CountOldPages(_model.Take(10, PageMap.PageSize)));
    }

    // What an aligned block leaves at its ends nobody has had.
    [Fact]
    public void WhatAnAlignedSpanIsCutFromStaysAsItWas()
    {
        _model.Take(1, PageMap.PageSize);
        _model.Give(_model.Take(1, PageMap.PageSize));
        _model.Take(1, 64 * PageMap.PageSize);
        nuint free = _heap->FreeBytes;
        Span* rest = _model.Take(63, PageMap.PageSize);
        Assert.Equal((free, 1), (PageMap.PageSize, PageHeapModel.CountOldPages(rest)));
    }

    [Fact]
    public void AllThatComesBackIsOneAgain()
    {
        Random random = new(1);
        while (_heap->MappedBytes < 64 << 20)
        {
            _model.Take((nuint)random.Next(1, 400), PageMap.PageSize);
        }

        nuint mapped = _heap->MappedBytes;
        while (_model.Spans > 0)
        {
            _model.Give(_model.Pick(random));
        }

        int maps = Os.MapCalls;
        Assert.True(_model.Take(mapped / PageMap.PageSize, PageMap.PageSize) != null);
        Assert.Equal((maps, mapped), (Os.MapCalls, _heap->MappedBytes));
    }

    [Fact]
    public void NeighbouringMappingsMerge()
    {
        List<nuint> starts = [];
        for (int i = 0; i < 20; i++)
        {
            starts.Add(_model.Take(PagesPerHugePage, PageMap.PageSize)->Start);
        }

        Assert.True(Os.MapCalls >= 10);
        _model.GiveAll();
        Span* whole = _model.Take(20 * PagesPerHugePage, PageMap.PageSize);
        Assert.Contains(whole->Start, starts);
        Assert.Equal((nuint)20 << PageMap.HugePageShift, _heap->MappedBytes);
    }

    [Fact]
    public void ASpanGoesWhereItFitsTightest()
    {
        Span* wide = _model.Take(PagesPerHugePage - 50, PageMap.PageSize, sizeClass: 1); // leaves a row of 50
        Span* tight = _model.Take(PagesPerHugePage - 20, PageMap.PageSize, sizeClass: 1); // leaves a row of 20
        nuint inTight = tight->Start + tight->Bytes;
        nuint inWide = wide->Start + wide->Bytes;
        Assert.Equal(inTight, _model.Take(20, PageMap.PageSize, sizeClass: 1)->Start);
        Assert.Equal(inWide, _model.Take(20, PageMap.PageSize, sizeClass: 1)->Start);
    }

    [Fact]
    public void ALargeBlockReachesOverTheBorderOfHugePages()
    {
        Span* first = _model.Take(PagesPerHugePage - 50, PageMap.PageSize);
        Span* across = _model.Take(PagesPerHugePage - 20, PageMap.PageSize);
        Assert.Equal(first->Start + first->Bytes, across->Start);
        Span* last = _model.Take(PagesPerHugePage, PageMap.PageSize);
        Assert.Equal(across->Start + across->Bytes, last->Start);
        nuint start = across->Start;
        _model.Give(across); // 50 pages of one huge page, and 186 of the next
        Assert.NotEqual(start, _model.Take(200, PageMap.PageSize, sizeClass: 1)->Start);
        Assert.Equal(start, _model.Take(200, PageMap.PageSize)->Start);
        _model.AssertTrackers();
    }

    // Large blocks across borders of huge pages, and aligned ones, too: what waits for its next use goes only if it must, and always then.
    [Fact]
    public void WhetherARowHoldsMemoryIsSaidOfTheOneThatWillBeTaken()
    {
        Random random = new(1);
        List<nuint> spans = [];
        int backed = 0;
        for (int step = 0; step < 3000; step++)
        {
            if (spans.Count > 100 && random.Next(2) == 0)
            {
                int number = random.Next(spans.Count);
                _heap->Give((Span*)spans[number], released: random.Next(4) == 0);
                spans.RemoveAt(number);
                continue;
            }

            nuint pages = (nuint)random.Next(1, random.Next(4) == 0 ? 600 : 60);
            nuint alignment = random.Next(4) == 0 ? PageMap.PageSize << random.Next(10) : PageMap.PageSize;
            byte sizeClass = alignment > PageMap.PageSize || pages > 32 ? (byte)0 : (byte)random.Next(2);
            nuint before = _heap->MappedBytes - _heap->ReleasedBytes;
            bool said = _heap->HasBacked(pages, sizeClass, alignment);
            spans.Add((nuint)_heap->Take(pages, sizeClass, alignment));
            Assert.Equal((step, said), (step, _heap->MappedBytes - _heap->ReleasedBytes == before));
            backed += said ? 1 : 0;
        }

        Assert.InRange(backed, 100, 2000);
        spans.ForEach(span => _heap->Give((Span*)span, released: false));
    }

    [Fact]
    public void ALargeBlockTakesWholeHugePagesAndWhatIsFreeOnBothSidesOfThem()
    {
        Span* first = _model.Take(PagesPerHugePage - 50, PageMap.PageSize);
        Span* middle = _model.Take(2 * PagesPerHugePage, PageMap.PageSize);
        Span* last = _model.Take(PagesPerHugePage - 20, PageMap.PageSize);
        Assert.Equal(middle->Start + middle->Bytes, last->Start);
        nuint start = middle->Start;
        Assert.Equal(first->Start + first->Bytes, start);
        _model.Give(middle);
        Assert.Equal(start, _model.Take(2 * PagesPerHugePage, PageMap.PageSize)->Start);
        _model.AssertTrackers();
    }

    // What one leaves of a huge page lies where the heap grows, downwards, and is of use to the next.
    [Theory]
    [InlineData(257)]
    [InlineData(300)]
    [InlineData(513)]
    public void LargeBlocksLieSideBySide(int pages)
    {
        const nuint Below = (nuint)1 << 30;
        nuint space = Os.Space.HeapStart;
        Assert.True(Os.Space.TakeAt(space, Below));
        _model.Take((nuint)pages, PageMap.PageSize);
        Os.Space.Give(space, Below);
        nuint growth = 0;
        for (int i = 1; i < 200; i++)
        {
            nuint mapped = _heap->MappedBytes;
            _model.Take((nuint)pages, PageMap.PageSize);
            growth = _heap->MappedBytes > mapped ? _heap->MappedBytes - mapped : growth;
        }

        nuint used = 200 * (nuint)pages * PageMap.PageSize;
        Assert.InRange(_heap->MappedBytes, used, used + growth + PageMap.HugePageSize);
        _model.AssertTrackers();
    }

    // Of which huge pages in the middle may have no memory.
    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 1)]
    [InlineData(6, 1)]
    [InlineData(3, 4)]
    [InlineData(6, 5)]
    public void ALargeBlockMayTakeTheEndOfARun(int released, int taken)
    {
        Span* run = _model.Take(6 * PagesPerHugePage, PageMap.PageSize);
        Span* behind = _model.Take(100, PageMap.PageSize);
        Span* last = _model.Take(PagesPerHugePage - 100, PageMap.PageSize);
        Assert.Equal((run->Start + run->Bytes, behind->Start + behind->Bytes), (behind->Start, last->Start));
        _model.Give(run);
        _model.Give(behind);
        _heap->Release((nuint)released << PageMap.HugePageShift);
        nuint mapped = _heap->MappedBytes;
        Span* block = _model.Take(((nuint)taken * PagesPerHugePage) + 50, PageMap.PageSize);
        Assert.Equal(last->Start, block->Start + block->Bytes);
        _model.AssertTrackers();
        Assert.True(_model.Take((nuint)(6 - taken) * PagesPerHugePage, PageMap.PageSize) != null);
        Assert.Equal(mapped, _heap->MappedBytes);
        _model.AssertTrackers();
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(300, 1)]
    [InlineData(300, 512)]
    [InlineData(5_000, 1)]
    public void WhereNothingCanBeMappedThereIsNoSpanAndNothingIsLost(int pages, int alignmentInPages)
    {
        nuint alignment = (nuint)alignmentInPages * PageMap.PageSize;
        Span* kept = _model.Take(5, PageMap.PageSize);
        Os.MapsToFail = int.MaxValue;
        Assert.True(_model.Take((nuint)pages + PagesPerHugePage, alignment) == null);
        Assert.True(_model.Take((nuint)pages + PagesPerHugePage, alignment) == null);
        Assert.Equal((nuint)5 * PageMap.PageSize, _heap->UsedBytes);

        Os.MapsToFail = 0;
        Assert.True(_model.Take((nuint)pages + PagesPerHugePage, alignment) != null);
        _model.Give(kept);
        _model.AssertTrackers();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhicheverMappingFailsNothingIsLost(bool misaligned)
    {
        Os.Space.Misaligned = misaligned;
        for (int before = 0; before < 40; before++)
        {
            // So much at once that the page map needs leaves, and the trackers chunks of metadata. Nobody touches it.
            Os.MapsBeforeFailure = before;
            Os.MapsToFail = 1;
            _model.Where = $"after {before} mappings";
            Span* span = _heap->Take((nuint)12 << (30 - PageMap.PageShift), 0, PageMap.PageSize);
            bool failed = Os.MapsToFail == 0;
            Os.MapsToFail = 0;
            Assert.Equal(failed, span == null);
            if (span != null)
            {
                Assert.True(before > 2);
                _heap->Give(span, released: true);
            }

            _model.Release(0);
            _model.AssertTrackers();
            if (span != null)
            {
                return;
            }
        }

        Assert.Fail("it never succeeded");
    }

    [Fact]
    public void WithoutMemoryForItsStructuresThereIsNoSpan()
    {
        using (new MetadataShortage())
        {
            Assert.True(_model.Take(1, PageMap.PageSize) == null);
        }

        Assert.Equal((nuint)0, _heap->MappedBytes);
        Assert.True(_model.Take(1, PageMap.PageSize) != null);
    }

    [Fact]
    public void WhereAheadIsTooMuchItMapsWhatIsNeeded()
    {
        _heap->Take(200 * PagesPerHugePage, 0, PageMap.PageSize); // from now on it maps 12 huge pages at a time
        nuint mapped = _heap->MappedBytes;
        Os.MapsToFail = PlacesTried;
        Assert.True(_heap->Take(PagesPerHugePage, 0, PageMap.PageSize) != null);
        Assert.Equal(mapped + PageMap.HugePageSize, _heap->MappedBytes);
        Assert.True(_heap->Take(PagesPerHugePage, 0, PageMap.PageSize) != null);
        Assert.Equal(mapped + 13 * PageMap.HugePageSize, _heap->MappedBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhereThereAreNoAddressesLeftItGivesUpThoseThatAreFree(bool refused)
    {
        Span* before = _model.Take(3 * PagesPerHugePage, PageMap.PageSize);
        Span* stays = _model.Take(PagesPerHugePage, PageMap.PageSize);
        nuint start = before->Start;
        _model.Give(before);
        nuint mapped = _heap->MappedBytes;
        nuint pages = mapped / PageMap.PageSize;
        Os.RefuseUnmap = refused;
        Os.MapsToFail = PlacesTried; // more than it maps ahead, so there is one attempt
        Assert.True(_model.Take(pages, PageMap.PageSize) != null);
        Assert.Equal(refused ? 2 * mapped : stays->Bytes + mapped, _heap->MappedBytes);
        Assert.True(PageMap.HugePageOf(start) == null == !refused);
        _model.AssertTrackers();
        Assert.True(_model.Take(3 * PagesPerHugePage, PageMap.PageSize) != null);
        _model.GiveAll();
        _model.AssertTrackers();
    }

    // As late in a run of all tests, which share it: its chunks are of several huge pages.
    [Fact]
    public void WhereSpansLieDoesNotDependOnHowMuchMetadataThereIs()
    {
        nuint mapped = Metadata.MappedBytes;
        while (mapped < 8 * PageMap.HugePageSize + (1 << 20) || Metadata.MappedBytes == mapped)
        {
            mapped = Metadata.MappedBytes;
            Assert.True(Metadata.AllocateSparse(1 << 18) != null);
        }

        Assert.True(Metadata.MappedBytes - mapped > PageMap.HugePageSize);
        Assert.True(Os.Space.IsFree(Os.Space.HeapStart, Os.Space.HeapPages * PageMap.PageSize));
    }

    // Where nothing can be mapped, what one leaves is for the next of its size, across however many borders of huge pages it lies.
    [Theory]
    [InlineData(37)]
    [InlineData(122)]
    [InlineData(123)]
    [InlineData(257)]
    [InlineData(489)]
    [InlineData(611)]
    [InlineData(700)]
    [InlineData(1200)]
    public void OneLargeBlockLessMakesRoomForOne(int pages)
    {
        List<nuint> blocks = [];
        while (_heap->MappedBytes < 100 << 20)
        {
            blocks.Add((nuint)_model.Take((nuint)pages, PageMap.PageSize));
        }

        Os.MapsToFail = int.MaxValue;
        for (Span* block; (block = _model.Take((nuint)pages, PageMap.PageSize)) != null;)
        {
            blocks.Add((nuint)block);
        }

        foreach (nuint block in blocks)
        {
            nuint start = ((Span*)block)->Start;
            _model.Give((Span*)block);
            Assert.Equal(start, _model.Take((nuint)pages, PageMap.PageSize)->Start);
        }

        _model.AssertTrackers();
    }

    // As above, where others are free that have as many huge pages and less beside them.
    [Fact]
    public void OfManyRowsTheOneThatIsLongEnoughIsFound()
    {
        const nuint Pages = 612;
        Span*[] blocks = new Span*[20];
        _model.Give(_model.Take((nuint)blocks.Length * 4 * PagesPerHugePage, PageMap.PageSize));
        for (int i = 0; i < blocks.Length; i++)
        {
            nuint before = i == 0 ? 100u : 200;
            _model.Take(before, PageMap.PageSize);
            blocks[i] = _model.Take(i == 0 ? Pages : Pages - 200, PageMap.PageSize);
            _model.Take(4 * PagesPerHugePage - before - blocks[i]->Pages, PageMap.PageSize);
        }

        nuint start = blocks[0]->Start;
        foreach (Span* block in blocks)
        {
            _model.Give(block);
        }

        Os.MapsToFail = int.MaxValue;
        Assert.Equal(start, _model.Take(Pages, PageMap.PageSize)->Start);
        Assert.True(_model.Take(Pages, PageMap.PageSize) == null);
        _model.AssertTrackers();
    }

    // What can be mapped beside what is in use, with a huge page and a guard to spare: as much as the whole heap, too. Where that is too little none goes, nor where there is nothing.
    [Theory]
    [InlineData(3, 4, true)]
    [InlineData(3, 5, false)]
    [InlineData(0, 3, false)]
    public void AddressesThatLieFreeGoOnlyIfThatHelps(int roomBeside, int hugePages, bool fits)
    {
        _model.Give(_model.Take(3 * PagesPerHugePage, PageMap.PageSize));
        _model.Take(PagesPerHugePage, PageMap.PageSize); // and two are free
        nuint before = _heap->MappedBytes;
        nuint wanted = (nuint)hugePages * PageMap.HugePageSize;
        Os.Limit = Os.LiveBytes + (nuint)roomBeside * PageMap.HugePageSize + AddressSpace.SystemPage;
        Assert.Equal(fits, _heap->Take(wanted / PageMap.PageSize, 0, PageMap.PageSize) != null);
        Assert.Equal(fits ? wanted + PageMap.HugePageSize : before, _heap->MappedBytes);
    }

    [Theory]
    [InlineData(1L << 50)]
    [InlineData(1L << 40)]
    [InlineData((1L << 38) + 1)]
    [InlineData(1L << 38)]
    [InlineData(1L << 34)]
    [InlineData(1L << 24)]
    public void SpansBeyondTheAddressSpaceAreRefused(long pages)
    {
        _model.Give(_model.Take(3 * PagesPerHugePage, PageMap.PageSize)); // there are runs, which are all too short
        Assert.True(_model.Take((nuint)pages, PageMap.PageSize) == null);
        Assert.True(_model.Take((nuint)pages, (nuint)1 << 30) == null);
        Assert.True(_model.Take(1, (nuint)1 << 62) == null);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PagesThatTheKernelDoesNotTakeBackStayUnreleased(bool fullHugePages)
    {
        Span* span = _model.Take(fullHugePages ? PagesPerHugePage : 10, PageMap.PageSize);
        Span* other = _model.Take(10, PageMap.PageSize);
        _model.Give(span);
        nuint free = _heap->FreeBytes;
        Os.RefuseRelease = true;
        Assert.Equal((nuint)0, _heap->Release(nuint.MaxValue));
        Assert.Equal(free, _heap->FreeBytes);
        span = _model.Take(fullHugePages ? PagesPerHugePage : 10, PageMap.PageSize);
        Assert.Equal((int)span->Pages, PageHeapModel.CountOldPages(span));
        _model.Give(span);
        _model.Give(other);
        _model.AssertTrackers();
    }

    [Fact]
    public void ExcessGoesBackByItself()
    {
        List<nint> spans = TakeHugePages(100);
        nuint untouched = _heap->ReleasedBytes;
        foreach (nint span in spans)
        {
            _model.Give((Span*)span);
            Assert.InRange(_heap->FreeBytes, (nuint)0, Math.Max(LeastKept, _heap->UsedBytes / 4) + (_heap->UsedBytes + _heap->FreeBytes) / 16);
        }

        Assert.InRange(_heap->FreeBytes, LeastKept / 2, LeastKept + LeastKept / 8);
        Assert.Equal(untouched + Os.ReleasedBytes, _heap->ReleasedBytes);
    }

    // A limit would refuse what fits.
    [Fact]
    public void WhatTheKernelIsTakingBackIsNotInUse()
    {
        GiveAll(TakeHugePages(4));
        nuint leaving = 0;
        Os.WhileReleasing = () =>
        {
            Assert.Equal((nuint)0, _heap->UsedBytes);
            leaving = _heap->FreeBytes;
        };
        Assert.True(_heap->Release(nuint.MaxValue) > 0);
        Assert.True(leaving > 0);
        Assert.Equal((nuint)0, _heap->FreeBytes);
    }

    [Fact]
    public void MemoryThatIsWantedAgainAtOnceIsKeptFromThenOn()
    {
        for (int round = 0; round < 5; round++)
        {
            nuint before = Os.ReleasedBytes;
            GiveAll(TakeHugePages(30));
            Assert.Equal(round == 0, Os.ReleasedBytes > before);
            _model.EndPeriod();
        }
    }

    [Fact]
    public void IdleMemoryGoesBackWhole()
    {
        TakeHugePages(32);
        GiveAll(TakeHugePages(2));
        _model.EndPeriod(); // in this one it was in use
        Assert.Equal((nuint)4 << 20, _heap->FreeBytes);
        _model.EndPeriod();
        Assert.Equal((nuint)0, _heap->FreeBytes);
    }

    [Fact]
    public void MemoryInUseNowAndThenIsNotIdle()
    {
        TakeHugePages(32);
        GiveAll(TakeHugePages(2));
        for (int period = 0; period < 10; period++)
        {
            GiveAll(TakeHugePages(1));
            _model.EndPeriod();
        }

        Assert.Equal(PageMap.HugePageSize, _heap->FreeBytes);
    }

    [Fact]
    public void WhatWasLearnedIsForgotten()
    {
        GiveAll(TakeHugePages(30));
        GiveAll(TakeHugePages(30));
        Assert.True(_heap->FreeBytes > LeastKept);
        for (int period = 0; period < 60; period++)
        {
            _model.EndPeriod();
        }

        Assert.Equal((nuint)0, _heap->FreeBytes);
        GiveAll(TakeHugePages(30));
        Assert.InRange(_heap->FreeBytes, (nuint)0, LeastKept);
    }

    [Fact]
    public void AHeapHasNoMoreMemoryThanItEverUsed()
    {
        GiveAll(TakeEveryOther());
        nuint most = PageMap.HugePageSize; // half of it is free by now, in rows of 8 pages
        _model.Take(32, PageMap.PageSize);
        Assert.Equal(most, _heap->UsedBytes + _heap->FreeBytes);
        Assert.Equal(32 * PageMap.PageSize, Os.ReleasedBytes);
        _model.AssertTrackers();
    }

    // What goes back is faulted in again, which is no way to go on.
    [Fact]
    public void AHeapOfTwoShapesByTurnsMakesWayForATimeOnly()
    {
        const nuint Other = 64;
        List<nint> rows = TakeEveryOther();
        nuint released = 0;
        int paying = 0;
        for (int round = 0; round < 400; round++)
        {
            GiveAll(rows);
            _model.Give(_model.Take(Other, PageMap.PageSize, sizeClass: 1));
            rows = Take(rows.Count, RowPages);
            paying = Os.ReleasedBytes != released ? round : paying;
            released = Os.ReleasedBytes;
        }

        Assert.InRange(released, 10 * Other * PageMap.PageSize, (nuint)ShortRows.ReleasesForPage * Other * PageMap.PageSize);
        Assert.InRange(paying, 10, 200);
    }

    // Rows of two lengths by turns, for which there is memory by now, though it is more than was ever in use.
    [Fact]
    public void AHeapThatFindsWhatItWantsMakesNoWay()
    {
        GiveAll(TakeEveryOther(sizeClass: 0));
        Span* large = _model.Take(32, PageMap.PageSize); // which earns nothing
        for (int round = 0; round < 100; round++)
        {
            _model.Give(_model.Take(RowPages, PageMap.PageSize, sizeClass: 1));
        }

        Assert.Equal((nuint)0, Os.ReleasedBytes);
        _model.Give(large);
    }

    [Fact]
    public void LargeBlocksHaveNoneMakeWay()
    {
        GiveAll(TakeEveryOther(sizeClass: 0));
        _model.Take(32, PageMap.PageSize);
        Assert.Equal((nuint)0, Os.ReleasedBytes);
    }

    // mlockall has it refuse: not at each block that is taken.
    [Fact]
    public void WhatTheKernelDoesNotTakeBackIsNotOfferedForEachSpan()
    {
        int offers = 0;
        Os.RefuseRelease = true;
        Os.WhileReleasing = () => offers++;
        GiveAll(TakeEveryOther());
        Take(100, 32);
        Assert.InRange(offers, 1, 2);
    }

    [Fact]
    public void PagesThatHoldMemoryAreTakenFirst()
    {
        List<nint> spans = Take(4, RowPages);
        nuint start = ((Span*)spans[2])->Start;
        _model.Give((Span*)spans[0]);
        _model.Release(nuint.MaxValue);
        _model.Give((Span*)spans[2]);
        Assert.Equal(start, _model.Take(RowPages, PageMap.PageSize)->Start);
    }

    [Fact]
    public void WholeHugePagesGoBackFirst()
    {
        Span* part = _model.Take(PagesPerHugePage - 10, PageMap.PageSize);
        Span* stays = _model.Take(10, PageMap.PageSize);
        Span* whole = _model.Take(PagesPerHugePage, PageMap.PageSize);
        _model.Give(part);
        _model.Give(whole);
        _model.Release(PageMap.HugePageSize);
        Assert.Equal(PageMap.HugePageSize, _heap->ReleasedBytes);
        Assert.Equal((short)0, PageMap.HugePageOf(stays->Start)->ReleasedPages);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(1000, false)]
    public void AlignsToAGibibyte(int pages, bool misaligned)
    {
        const nuint Gibibyte = (nuint)1 << 30;
        Os.Space.Misaligned = misaligned;
        Span* before = _model.Take(3, PageMap.PageSize);
        Span* aligned = _model.Take((nuint)pages, Gibibyte);
        Assert.Equal((nuint)0, _heap->FreeBytes); // what lies around it holds no memory
        Assert.Equal(0, PageHeapModel.CountOldPages(aligned));
        _model.AssertTrackers();

        // What was mapped around it serves others.
        nuint mapped = _heap->MappedBytes;
        Assert.True(_model.Take(10_000, PageMap.PageSize) != null);
        Assert.Equal(mapped, _heap->MappedBytes);
        _model.Give(before);
        _model.Give(aligned);
        _model.AssertTrackers();
    }

    [Fact]
    public void ExtendsIntoFreePagesAndNoFurther()
    {
        Span* span = _model.Take(10, PageMap.PageSize);
        Span* next = _model.Take(10, PageMap.PageSize);
        Assert.Equal(span->Start + span->Bytes, next->Start);
        Assert.False(_model.Extend(span, 11));
        _model.Give(next);
        Assert.True(_model.Extend(span, 20));
        Assert.True(_model.Extend(span, PagesPerHugePage)); // all of the first mapping
        Assert.False(_model.Extend(span, PagesPerHugePage + 1));
        _model.AssertTrackers();
    }

    [Fact]
    public void ExtendsAcrossHugePages()
    {
        _model.Give(_model.Take(4 * PagesPerHugePage, PageMap.PageSize));
        Span* span = _model.Take(10, PageMap.PageSize);
        Assert.True(_model.Extend(span, 4 * PagesPerHugePage));
        _model.Shorten(span, 2 * PagesPerHugePage);
        Assert.True(_model.Extend(span, 3 * PagesPerHugePage + 1));
        _model.Shorten(span, 1);
        _model.AssertTrackers();
    }

    private List<nint> TakeHugePages(int count) => Take(count, PagesPerHugePage);

    // Every other row of a huge page that is full.
    private List<nint> TakeEveryOther(byte sizeClass = 1) =>
        [.. Take((int)(PagesPerHugePage / RowPages), RowPages, sizeClass).Where((_, number) => number % 2 == 0)];

    private List<nint> Take(int count, nuint pages, byte sizeClass = 1)
    {
        List<nint> spans = [];
        for (int i = 0; i < count; i++)
        {
            spans.Add((nint)_model.Take(pages, PageMap.PageSize, sizeClass));
        }

        return spans;
    }

    private void GiveAll(List<nint> spans)
    {
        foreach (nint span in spans)
        {
            _model.Give((Span*)span);
        }
    }
}

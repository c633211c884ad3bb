using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Idle pages in spans that went back to the kernel, in a heap of real memory: what reads zero, and what the page heap knows of it.</summary>
public sealed unsafe class HeapIdleTests : AllocatorTest, IDisposable
{
    private static readonly int[] s_sizes = [300, 1500, 5000, 8192, 20000, 40000, 100_000, 200_000];

    private readonly Dictionary<nuint, nuint> _objects = [];
    private readonly Random _random = new(7);

    public HeapIdleTests() => EmptyHeap();

    public void Dispose()
    {
        Os.Reset();
        EmptyHeap();
    }

    [Fact]
    public void WhatIsInUseStaysAndTheRestGoesBack()
    {
        Fill(32 << 20);
        GiveByLot(keep: 10);
        nuint resident = Heap.Pages->UsedBytes - InSpans();
        Wait();
        nuint after = Heap.Pages->UsedBytes - InSpans();
        Assert.InRange(after, (nuint)(32 << 20) / 10, resident * 2 / 3);
        AssertKept();
    }

    [Fact]
    public void AllThatIsAskedForGoesBackAtOnce()
    {
        Fill(16 << 20);
        GiveByLot(keep: 10);
        Heap.Release(nuint.MaxValue);
        nuint spans = InSpans();
        Assert.True(spans > 1 << 20);
        Assert.Equal((nuint)0, Heap.Pages->FreeBytes);
        Assert.Equal((nuint)0, Heap.Release(nuint.MaxValue)); // there is no more
        AssertKept();
    }

    // As above the soft limit: what is freed is not waited for, and counts against it no more.
    [Fact]
    public void WithoutPatienceAllThatIsFreeGoesAtTheNextStep()
    {
        Fill(16 << 20);
        GiveByLot(keep: 10);
        Heap.ForgetPatience();
        while (Heap.HasIdle)
        {
            Heap.ReleaseIdle();
        }

        Assert.True(InSpans() > 1 << 20);
        Assert.Equal(Heap.Pages->UsedBytes - InSpans(), Heap.Pages->UsedBytesButHoles);
        GiveByLot(keep: int.MaxValue);
        Assert.Equal((Heap.Pages->UsedBytes, (nuint)0), (Heap.Pages->UsedBytesButHoles, InSpans()));
    }

    // Beside them as much may lie free as beside memory that is not in use at all; the limit itself has them count.
    [Theory]
    [InlineData("SOFT_LIMIT", true)]
    [InlineData("LIMIT", false)]
    public void HolesLeaveRoomUnderTheSoftLimit(string option, bool kept)
    {
        Fill(32 << 20);
        GiveByLot(keep: 10);
        Wait();
        Heap.Release(nuint.MaxValue);
        nuint holes = InSpans();
        Assert.True(holes > 2 << 20);
        Assert.True(Heap.Pages->MayKeep(10));
        using Defaults defaults = new(typeof(Options));
        OptionsTests.Read($"NATIVEMALLOC_{option}={Heap.Pages->UsedBytes + Metadata.TouchedBytes - holes / 2}");
        Assert.Equal(kept, Heap.Pages->MayKeep(10));
    }

    // As calloc takes them: parts that held memory are filled, and those that were holes are left alone.
    [Fact]
    public void WhatIsTakenFromHolesReadsZero()
    {
        int among = 0;
        foreach (int size in s_sizes)
        {
            Fill(8 << 20, size);
            GiveByLot(keep: 4);
            Wait();
            nuint sizeClass = SizeClasses.Of((nuint)size);
            for (int i = 0; i < 60; i++)
            {
                void* block;
                Assert.True(CentralFreeLists.TakeOne(sizeClass, &block, out ulong holes));
                among += holes != 0 ? 1 : 0;
                Zeroing.Clear(PageMap.SpanOf((nuint)block), (byte*)block, (nuint)size, holes);
                Assert.Equal(-1, new Span<byte>(block, size).IndexOfAnyExcept((byte)0));
                Remember((nuint)block, (nuint)size);
            }

            AssertKept();
        }

        Assert.True(among > 60);
    }

    // Calloc writes to none of a hole's pages.
    [Fact]
    public void ZeroingFillsNoHole()
    {
        const int Size = 12_288;
        Fill(4 << 20, Size);
        GiveByLot(keep: 2);
        Heap.Release(nuint.MaxValue);
        nuint sizeClass = SizeClasses.Of(Size);
        void* block;
        do
        {
            Assert.True(CentralFreeLists.TakeOne(sizeClass, &block, out ulong holes));
            Zeroing.Clear(PageMap.SpanOf((nuint)block), (byte*)block, Size, holes);
        }
        while (CentralFreeLists.First(sizeClass)->HoleBytes > 0);
        Assert.Equal((nuint)0, Resident((byte*)block, Size & ~(nuint)4095));
    }

    // A span that leaves takes its holes along: the page heap hands them out as pages without memory.
    [Fact]
    public void SpansThatLeaveAreReleasedAsFarAsTheyAreHoles()
    {
        Fill(16 << 20);
        GiveByLot(keep: 10);
        Wait();
        nuint inSpans = InSpans();
        nuint released = Heap.Pages->ReleasedBytes;
        Os.RefuseRelease = true; // it is not the kernel that takes more
        GiveByLot(keep: int.MaxValue);
        Assert.Equal((nuint)0, InSpans());
        Assert.InRange(Heap.Pages->ReleasedBytes - released, inSpans / 2, inSpans);
        foreach (int size in s_sizes) // whatever is made of them
        {
            Fill(2 << 20, size);
        }

        AssertKept();
        Span* span = Heap.Pages->Take(1000, 0, PageMap.PageSize);
        Zeroing.Clear(span, (byte*)span->Start, span->Bytes);
        SpanPattern.AssertZero(span->Start, span->Bytes, "of pages of both kinds");
        Heap.Pages->Give(span, released: false);
    }

    // Those of other classes are cut from what lies between their objects, and pages that are all hole leave as such.
    [Fact]
    public void RemnantsAreMadeOfSpansWithHoles()
    {
        Fill(16 << 20);
        GiveByLot(keep: 20);
        Wait();
        nuint inSpans = InSpans();
        nuint released = Heap.Pages->ReleasedBytes;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            CentralFreeLists.First(sizeClass)->Shed(sizeClass, int.MaxValue, all: true);
        }

        Assert.Equal((nuint)0, InSpans());
        Assert.True(Heap.Pages->ReleasedBytes > released + inSpans / 4);
        AssertKept();
        Fill(8 << 20);
        AssertKept();
    }

    [Fact]
    public void NothingIsLostWhereObjectsComeAndGoAmongHoles()
    {
        for (int round = 0; round < 12; round++)
        {
            Fill((nuint)_random.Next(1 << 20, 12 << 20), s_sizes[_random.Next(s_sizes.Length)]);
            Os.RefuseRelease = _random.Next(5) == 0;
            GiveByLot(_random.Next(2, 12));
            Wait();
            AssertKept();
            InSpans();
        }
    }

    // Where the kernel refuses (mlock), or only says that it has taken memory back, nobody sees that.
    [Theory]
    [InlineData(9000, false)]
    [InlineData(9000, true)]
    [InlineData(4096, false)]
    [InlineData(4096, true)]
    public void WhatWasNeverOutReadsZeroThoughTheFirstReleaseFails(int size, bool isIgnored)
    {
        Fill(1, size); // the others of its span are untouched
        Promises.Forget();
        Os.RefuseRelease = !isIgnored;
        Os.IgnoreRelease = isIgnored;
        Wait();
        Os.Reset();
        TryPromises();
        nuint sizeClass = SizeClasses.Of((nuint)size);
        while (CentralFreeLists.First(sizeClass)->Out < SizeClasses.ObjectsPerSpan(sizeClass))
        {
            void* block;
            Assert.True(CentralFreeLists.TakeOne(sizeClass, &block, out ulong holes));
            Zeroing.Clear(PageMap.SpanOf((nuint)block), (byte*)block, (nuint)size, holes);
            Assert.Equal(-1, new Span<byte>(block, size).IndexOfAnyExcept((byte)0));
        }
    }

    // A period ends on another thread, while one is at the last class.
    [Fact]
    public void WhatIsToBeLookedAtAnewIsNotForgottenByWhoIsAtIt()
    {
        Fill(1 << 20, s_sizes[0]);
        Fill(4 << 20, s_sizes[^1]);
        GiveByLot(keep: 10);
        Heap.EndIdlePeriods(1);
        Heap.ReleaseIdle();
        Heap.EndIdlePeriods(1);
        bool anew = false;
        Os.WhileReleasing = () =>
        {
            Os.WhileReleasing = null;
            anew = true;
            Heap.EndIdlePeriods(1);
        };
        Heap.ReleaseIdle();
        Assert.True(anew && Heap.HasIdle);
    }

    // From the only span that has an object, while the kernel takes other pages of it.
    [Fact]
    public void WhereMemoryIsShortWhatLeavesIsAwaited()
    {
        nuint sizeClass = SizeClasses.Of(2048);
        Fill((nuint)SizeClasses.ObjectsPerSpan(sizeClass) * 2048, 2048);
        foreach (nuint block in _objects.Keys.Order().Take(3).ToArray())
        {
            Give(block);
        }

        Os.MapsToFail = int.MaxValue;
        while (Heap.Pages->Take(1, 0, PageMap.PageSize) != null)
        {
        }

        using ManualResetEventSlim waits = new();
        using ManualResetEventSlim isThere = new();
        nuint taken = 0;
        Thread other = new(() =>
        {
            taken = (nuint)Heap.TakeWhenShort(sizeClass);
            waits.Set();
        });
        Os.WhileSleeping = () =>
        {
            waits.Set();
            isThere.Wait();
        };
        Os.WhileReleasing = () =>
        {
            Os.WhileReleasing = null;
            other.Start();
            waits.Wait();
        };
        Wait();
        isThere.Set();
        other.Join();
        Assert.NotEqual((nuint)0, taken);
    }

    private static nuint InSpans()
    {
        nuint bytes = 0;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            CentralFreeList<Heap.Spans>* list = CentralFreeLists.First(sizeClass);
            nuint inUse = (nuint)list->Out * SizeClasses.Size(sizeClass);
            Assert.InRange(list->HoleBytes, (nuint)0, (nuint)list->Spans * (SizeClasses.PagesPerSpan(sizeClass) << PageMap.PageShift) - inUse);
            bytes += list->HoleBytes;
        }

        return bytes;
    }

    // So many periods that what lies idle has gone, even if it was wanted again lately.
    private static void Wait()
    {
        for (int period = 0; period < 2 << Patience.MostDoublings; period++)
        {
            Heap.EndIdlePeriods(1);
            while (Heap.HasIdle)
            {
                Heap.ReleaseIdle();
            }
        }
    }

    private void Fill(nuint bytes)
    {
        foreach (int size in s_sizes)
        {
            Fill(bytes / (nuint)s_sizes.Length, size);
        }
    }

    private void Fill(nuint bytes, int size)
    {
        nuint sizeClass = SizeClasses.Of((nuint)size);
        for (nuint filled = 0; filled < bytes; filled += (nuint)size)
        {
            void* block;
            Assert.Equal(1, CentralFreeLists.Take(sizeClass, &block, 1));
            Remember((nuint)block, (nuint)size);
        }
    }

    private void Remember(nuint block, nuint size)
    {
        Assert.True(_objects.TryAdd(block, size), "a block came twice");
        new Span<byte>((void*)block, (int)size).Fill(Mark(block));
    }

    private static byte Mark(nuint block) => (byte)(block >> 4 | 1);

    private void AssertKept()
    {
        foreach ((nuint block, nuint size) in _objects)
        {
            Assert.Equal(-1, new Span<byte>((void*)block, (int)size).IndexOfAnyExcept(Mark(block)));
        }
    }

    // All but one of so many.
    private void GiveByLot(int keep)
    {
        foreach (nuint block in _objects.Keys.OrderBy(_ => _random.Next()).ToArray())
        {
            if (_random.Next(keep) != 0)
            {
                Give(block);
            }
        }
    }

    private void Give(nuint block)
    {
        nuint sizeClass = SizeClasses.Of(_objects[block]);
        void* item = (void*)block;
        CentralFreeLists.Give(sizeClass, &item, 1);
        _objects.Remove(block);
    }

    private static nuint Resident(byte* start, nuint bytes)
    {
        nuint first = (nuint)start & ~(AddressSpace.SystemPage - 1);
        byte[] pages = new byte[((nuint)start + bytes - first + AddressSpace.SystemPage - 1) / AddressSpace.SystemPage];
        fixed (byte* page = pages)
        {
            Assert.Equal(0, LibC.InCore((byte*)first, bytes, page));
        }

        return (nuint)pages.Count(page => (page & 1) != 0) * AddressSpace.SystemPage;
    }
}

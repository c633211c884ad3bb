using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class CentralFreeListTests : AllocatorTest
{
    private const nuint KernelPage = 4096;

    private CentralFreeList<FakeSpans> _list;

    public CentralFreeListTests() => FakeSpans.Reset();

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(50)]
    [InlineData(SizeClasses.Count - 1)]
    public void ObjectsAreDistinctAndEmptySpansGoBack(int sizeClass)
    {
        Random random = new(sizeClass);
        List<nuint> taken = [];
        HashSet<nuint> distinct = [];
        for (int step = 0; step < 5000; step++)
        {
            // Drifts between nothing and much.
            bool take = random.Next(10) < (step / 500 % 2 == 0 ? 7 : 3);
            if (take)
            {
                nuint[] objects = Take((nuint)sizeClass, random.Next(1, SizeClasses.MaxMove + 1));
                Assert.NotEmpty(objects);
                taken.AddRange(objects);
                Assert.All(objects, o => Assert.True(distinct.Add(o), $"seed {sizeClass}, step {step}: {o:x} came twice"));
            }
            else
            {
                nuint[] objects = RemoveSome(taken, random);
                distinct.ExceptWith(objects);
                Give(objects);
            }

            int spans = taken.Select(o => (nuint)PageMap.SpanOf(o)).Distinct().Count();
            Assert.Equal((spans, spans, taken.Count), (FakeSpans.Live, (int)_list.Spans, (int)_list.Out));
        }

        Give([.. taken]);
        Assert.Equal((0, 0, 0), (FakeSpans.Live, (int)_list.Spans, (int)_list.Out));
    }

    [Fact]
    public void SparseSpansOfAQuietClassAreShed()
    {
        nuint sizeClass = SizeClasses.Of(256);
        nuint[][] spans = TakeSpans(sizeClass, 4);
        foreach (nuint[] span in spans[..3])
        {
            Give(span[3..]); // more stay than the span has pages
        }

        _list.EndPeriod(sizeClass); // in which it took much
        Assert.Equal(0, _list.Shed(sizeClass, 100));
        _list.EndPeriod(sizeClass);
        Assert.Equal(2, _list.Shed(sizeClass, 2));
        Assert.Equal(1, _list.Shed(sizeClass, 100));
        Assert.Equal((1, spans[3].Length), ((int)_list.Spans, (int)_list.Out)); // the full one stays
    }

    // Else a program that frees a batch and wants it again would have each span made anew.
    [Fact]
    public void SpansThatWereWantedRightAfterTheyWentAreKept()
    {
        nuint sizeClass = SizeClasses.Of(64 << 10);
        FakeSpans.Keepable = 3;
        GiveAll(TakeSpans(sizeClass, 20));
        Assert.Equal(0, FakeSpans.Live);
        GiveAll(TakeSpans(sizeClass, 20)); // more than may be
        Assert.Equal((3, 3, 0), (FakeSpans.Live, (int)_list.Spans, (int)_list.Out));

        int left = FakeSpans.Left;
        nuint[][] again = TakeSpans(sizeClass, 3);
        Assert.Equal(left, FakeSpans.Left);
        nuint[][] others = TakeSpans(sizeClass, 17);
        GiveAll(again);
        GiveAll(others);
        _list.GiveKept(all: false); // all were needed
        Assert.Equal(3, FakeSpans.Live);
        _list.GiveKept(all: false);
        Assert.Equal((0, 3), (FakeSpans.Live, (int)FakeSpans.Keepable));
    }

    // Else each class of a small heap would keep one, and few want it.
    [Theory]
    [InlineData(4, 0)]
    [InlineData(5, 1)]
    [InlineData(17, 13)]
    public void AllOfItsSpansButFourMayBeKept(int spans, int expected)
    {
        nuint sizeClass = SizeClasses.Of(64 << 10);
        FakeSpans.Keepable = 100;
        GiveAll(TakeSpans(sizeClass, spans));
        GiveAll(TakeSpans(sizeClass, spans));
        Assert.Equal(expected, FakeSpans.Live);
    }

    private void GiveAll(nuint[][] spans) => Array.ForEach(spans, Give);

    [Theory]
    [InlineData(64)]
    [InlineData(80)]
    [InlineData(256 << 10)]
    public void TheLowestAddressComesFirst(int size)
    {
        nuint sizeClass = SizeClasses.Of((nuint)size);
        nuint[] objects = Take(sizeClass, SizeClasses.Batch(sizeClass));
        Assert.Equal(objects.Order(), objects);
        Assert.Equal(PageMap.SpanOf(objects[0])->Start, objects[0]);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(48)]
    public void WhatIsHandedOutOneAfterAnotherSharesNoCacheLine(int size)
    {
        nuint[] objects = Take(SizeClasses.Of((nuint)size), 32);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => PageMap.SpanOf(objects[0])->Start + (nuint)(i * size)), objects.Order());
        Assert.All(objects.Zip(objects.Skip(1)), pair => Assert.NotEqual(pair.First / 64, pair.Second / 64));
    }

    // A class with many objects in use gives few to each thread in one line, and a program is better off if what it makes together lies together.
    [Theory]
    [InlineData(16)]
    [InlineData(48)]
    public void WhereTheClassHasSpansTheLowestAddressComesFirst(int size)
    {
        nuint sizeClass = SizeClasses.Of((nuint)size);
        TakeSpans(sizeClass, 1);
        nuint[] objects = Take(sizeClass, 32);
        Assert.Equal(objects.Order(), objects);
    }

    [Fact]
    public void ObjectsComeFromTheFullestSpan()
    {
        nuint[][] spans = TakeSpans(1, 3);
        Give(spans[0][..500]);
        Give(spans[1][..100]);
        Give(spans[2][..300]);

        Assert.Equal(spans[1][..100], Take(1, 100).Order());
        Assert.Equal(spans[2][..300], Take(1, 300).Order());
        Assert.Equal(spans[0][..500], Take(1, 500).Order());
    }

    [Fact]
    public void ASecondSpanHelpsWithWhatTheFirstLacks()
    {
        nuint[][] spans = TakeSpans(1, 2);
        Give(spans[0][..10]);
        Give(spans[1][..400]);
        nuint[] taken = Take(1, 30);
        Assert.Equal(30, taken.Length);
        Assert.Equal(10, taken.Intersect(spans[0]).Count());
        Assert.Equal(20, taken.Intersect(spans[1]).Count());
    }

    [Fact]
    public void WithoutMemoryThereIsWhatThereIsAndThenNothing()
    {
        FakeSpans.Left = 1;
        int objects = SizeClasses.ObjectsPerSpan(1);
        Assert.Equal(objects - 5, Take(1, objects - 5).Length);
        nuint[] last = Take(1, 32);
        Assert.Equal(5, last.Length);
        Assert.Empty(Take(1, 32));
        Assert.Equal(objects, (int)_list.Out);

        Give(last);
        Assert.Equal(last, Take(1, 32));
    }

    [Fact]
    public void ADoubleFreeEndsTheProcess()
    {
        nuint[] taken = Take(1, 2);
        Give(taken[..1]);
        AssertReported(() => Give(taken[..1]), $"free(0x{taken[0]:x}): ");
        Give(taken[1..]);
        Assert.Equal((0, 0), (FakeSpans.Live, (int)_list.Out));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void ADoubleFreeAmongNeighboursEndsTheProcess(int direction)
    {
        nuint[] taken = [.. Take(1, 10).Order()];
        Give(taken[5..6]);
        AssertReported(() => Give(direction > 0 ? taken : [.. taken.Reverse()]), $"free(0x{taken[5]:x}): ");
        Assert.Equal((0, 0), (FakeSpans.Live, (int)_list.Out)); // the others came back
    }

    [Fact]
    public void ADoubleFreeOfAnObjectWhoseSpanIsKeptEndsTheProcess()
    {
        nuint sizeClass = SizeClasses.Of(64 << 10);
        FakeSpans.Keepable = 1;
        GiveAll(TakeSpans(sizeClass, 5));
        nuint[][] spans = TakeSpans(sizeClass, 5);
        GiveAll(spans);
        nuint kept = spans.Select(span => span[0]).Single(address => PageMap.SpanOf(address) != null);
        AssertReported(() => Give([kept]), $"free(0x{kept:x}): ");
        Assert.Equal((1, 1), (FakeSpans.Live, (int)_list.Spans));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(-0x1_0000_0000)]
    public void WhatIsNoObjectEndsTheProcess(long offset)
    {
        nuint taken = Take(1, 1)[0];
        AssertReported(() => Give([taken + (nuint)offset]), $"free(0x{taken + (nuint)offset:x}): ");
        Assert.Equal((1, 1), (FakeSpans.Live, (int)_list.Out));
    }

    // Those after it may be its consequences: one line is enough, and all are passed over.
    [Fact]
    public void TheFirstOfManyIsReported()
    {
        nuint[] taken = Take(1, 32);
        Give(taken[..30]);
        AssertReported(() => Give([taken[7], taken[30] + 8, .. taken[..20], taken[31]]), $"free(0x{taken[7]:x}): ");
        Assert.Equal((1, 1), (FakeSpans.Live, (int)_list.Out));
    }

    // As a sized delete with a wrong size would give it.
    [Fact]
    public void AnObjectOfAnotherClassEndsTheProcess()
    {
        nuint[] taken = Take(2, 1);
        AssertReported(() => Give(taken, 1), $"free(0x{taken[0]:x}): the address was freed with a wrong size (size class 32)\n");
    }

    [Fact]
    public void WithheldObjectsAreNotHandedOut()
    {
        nuint[] taken = Take(1, 3);
        _list.Withhold();
        nuint[] others = Take(1, 32);
        Assert.All(others, other => Assert.NotEqual((nint)PageMap.SpanOf(taken[0]), (nint)PageMap.SpanOf(other)));
        Give(taken);
        Assert.Equal(taken.Order(), Take(1, 3).Order());
    }

    // Two objects of 2 KiB are one of the kernel's pages.
    [Fact]
    public void WhatLiesIdleForAPeriodGoesBack()
    {
        nuint sizeClass = SizeClasses.Of(2048);
        nuint[][] spans = TakeSpans(sizeClass, 3);
        Give(spans[0][..2]);
        Give(spans[1][1..]);
        Assert.Equal((nuint)0, ReleaseIdle()); // used in this period
        Give(spans[2][..2]);
        Assert.Equal((nuint)2 * KernelPage, ReleaseIdle());
        Assert.Equal([(spans[1][2], KernelPage), (spans[0][0], KernelPage)], FakeSpans.Released);
        Assert.Equal((nuint)2 * KernelPage, _list.HoleBytes);
        Assert.Equal(KernelPage, ReleaseIdle()); // of the third; the others are not offered again
        Assert.Equal((nuint)0, ReleaseIdle());

        // What is taken comes from pages that hold something, if there are any.
        Assert.Equal(spans[2][..2], Take(sizeClass, 2));
        Give(spans[0][2..3]);
        Assert.Equal([spans[0][2], spans[0][0]], Take(sizeClass, 2));
        Assert.Equal(KernelPage, _list.HoleBytes);
        Give(spans[1][..1]);
        Assert.Equal((2, (nuint)0), (FakeSpans.Live, _list.HoleBytes)); // it left, and its hole with it
    }

    // They have lain so for all of the time but the last period, at least.
    [Fact]
    public void AfterAGapOfManyPeriodsAllIsIdle()
    {
        nuint[] objects = TakeSpans(SizeClasses.Of(2048), 1)[0];
        Give(objects[..2]);
        Assert.Equal((nuint)0, ReleaseIdle(ended: 1));
        Assert.Equal(objects[..2], Take(SizeClasses.Of(2048), 2));
        Give(objects[..2]);
        Assert.Equal(KernelPage, ReleaseIdle(ended: 2));
    }

    [Fact]
    public void WhatIsFreedAndTakenAgainDoesNotGoBack()
    {
        nuint sizeClass = SizeClasses.Of(2048);
        nuint[] objects = TakeSpans(sizeClass, 1)[0];
        for (int period = 0; period < 10; period++)
        {
            Give(objects[..2]);
            ReleaseIdle();
            Assert.Equal(objects[..2], Take(sizeClass, 2));
            ReleaseIdle();
        }

        Assert.Empty(FakeSpans.Released);
    }

    // Then each period is several, and then fewer again.
    [Fact]
    public void WhatIsWantedSoonAfterItWentWaitsLonger()
    {
        nuint sizeClass = SizeClasses.Of(2048);
        nuint[] objects = TakeSpans(sizeClass, 1)[0];
        int[] Rounds(int count, int gap) => [.. Enumerable.Range(0, count).Select(_ =>
        {
            int before = FakeSpans.Released.Count;
            Give(objects[..2]);
            for (int period = 0; period < gap; period++)
            {
                ReleaseIdle();
            }

            Assert.Equal(objects[..2], Take(sizeClass, 2));
            return FakeSpans.Released.Count - before;
        })];

        Assert.Equal(1, Rounds(1, 3)[0]);
        Assert.InRange(Rounds(40, 3).Sum(), 1, 8);
        Assert.Equal([1, 1], Rounds(2, 200)); // a long rest
    }

    [Fact]
    public void WhatTheKernelRefusesIsNoHole()
    {
        nuint[] objects = TakeSpans(SizeClasses.Of(2048), 1)[0];
        Give(objects[..2]);
        FakeSpans.RefuseRelease = true;
        ReleaseIdle();
        Assert.Equal(((nuint)0, (nuint)0), (ReleaseIdle(), _list.HoleBytes));
        Assert.Single(FakeSpans.Released);
        FakeSpans.RefuseRelease = false;
        Assert.Equal(KernelPage, ReleaseIdle() + ReleaseIdle() + ReleaseIdle()); // it is offered again
    }

    [Fact]
    public void ASpanWhosePagesAreLeavingIsNobodys()
    {
        nuint sizeClass = SizeClasses.Of(2048);
        nuint[] objects = TakeSpans(sizeClass, 1)[0];
        Give(objects[..2]);
        ReleaseIdle();
        nuint other = 0;
        FakeSpans.WhileReleasing = () =>
        {
            FakeSpans.WhileReleasing = null;
            Assert.True(_list.Lock.TryAcquire(), "the lock is held");
            _list.Lock.Release();
            other = Take(sizeClass, 1)[0];
            Give(objects[2..3]);
        };
        ReleaseIdle();
        Assert.DoesNotContain(other, objects);
        Assert.Equal(KernelPage, _list.HoleBytes);
        Give([other]);
        Assert.Equal([objects[2], objects[0], objects[1]], Take(sizeClass, 3));
        Assert.Equal((nuint)0, _list.HoleBytes);
    }

    [Fact]
    public void ASpanWhoseLastObjectComesBackWhileItsPagesLeaveGoesAfterwards()
    {
        nuint[] objects = TakeSpans(SizeClasses.Of(2048), 1)[0];
        Give(objects[1..]);
        ReleaseIdle();
        FakeSpans.WhileReleasing = () =>
        {
            FakeSpans.WhileReleasing = null;
            Give(objects[..1]);
            Assert.Equal(1, FakeSpans.Live);
        };
        Assert.Equal(KernelPage, ReleaseIdle());
        Assert.Equal((0, 0, (nuint)0, 0), (FakeSpans.Live, (int)_list.Spans, _list.HoleBytes, FakeSpans.Holes));
    }

    // A period's end, and what is to be done then.
    private nuint ReleaseIdle(int ended = 1)
    {
        Assert.Equal((nint)_list.HoleBytes, FakeSpans.Holes);
        IdleStep step = new(1 << 30);
        return _list.EndIdlePeriods(ended) ? _list.ReleaseIdle(ref step) : 0;
    }

    // Takes all objects of so many new spans, each in ascending order.
    private nuint[][] TakeSpans(nuint sizeClass, int count)
    {
        nuint[][] spans = new nuint[count][];
        for (int i = 0; i < count; i++)
        {
            spans[i] = [.. Take(sizeClass, SizeClasses.ObjectsPerSpan(sizeClass)).Order()];
            Assert.Equal(SizeClasses.ObjectsPerSpan(sizeClass), spans[i].Length);
        }

        return spans;
    }

    // Any, or such as come one after the other.
    private static nuint[] RemoveSome(List<nuint> taken, Random random)
    {
        nuint[] objects = new nuint[Math.Min(taken.Count, random.Next(1, SizeClasses.MaxMove + 1))];
        if (random.Next(2) == 0)
        {
            taken.Sort();
            int first = random.Next(taken.Count - objects.Length + 1);
            taken.CopyTo(first, objects, 0, objects.Length);
            taken.RemoveRange(first, objects.Length);
            return random.Next(2) == 0 ? objects : [.. objects.Reverse()];
        }

        for (int i = 0; i < objects.Length; i++)
        {
            int index = random.Next(taken.Count);
            objects[i] = taken[index];
            taken[index] = taken[^1];
            taken.RemoveAt(taken.Count - 1);
        }

        return objects;
    }

    private nuint[] Take(nuint sizeClass, int count)
    {
        List<nuint> objects = [];
        nuint* batch = stackalloc nuint[SizeClasses.MaxMove];
        for (int taken = -1; objects.Count < count && taken != 0;)
        {
            taken = _list.Take(sizeClass, (void**)batch, Math.Min(count - objects.Count, SizeClasses.MaxMove));
            objects.AddRange(new Span<nuint>(batch, taken));
        }

        return [.. objects];
    }

    private void Give(nuint[] objects)
    {
        Span* span = objects.Length > 0 ? PageMap.SpanOf(objects[0]) : null;
        Give(objects, span != null ? span->SizeClass : (nuint)1);
    }

    private void Give(nuint[] objects, nuint sizeClass)
    {
        foreach (nuint[] batch in objects.Chunk(SizeClasses.MaxMove))
        {
            fixed (nuint* first = batch)
            {
                _list.Give(sizeClass, (void**)first, batch.Length);
            }
        }
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class TransferCacheTests : AllocatorTest
{
    private TransferCache<FakeObjects> _cache;

    public TransferCacheTests() => FakeObjects.Reset();

    // Where slabs have no room, a second free of a block comes here right after the first.
    [Fact]
    public void WhatCameLastAndComesAgainIsReported()
    {
        nuint sizeClass = SizeClasses.Of(1000);
        nuint[] taken = Take(sizeClass, 3);
        Take(sizeClass, 1);
        Give(sizeClass, taken[..2]);
        Assert.Equal(2, _cache.Count);
        AssertReported(() => Give(sizeClass, [taken[1]]), $"free(0x{taken[1]:x}): the address was freed already\n");
        Assert.Equal(2, _cache.Count);
        Give(sizeClass, [taken[2]]);
        Assert.Equal(taken, Take(sizeClass, 4));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 20)]
    [InlineData(3, 60)]
    [InlineData(4, SizeClasses.Count - 1)]
    public void LosesAndDuplicatesNothing(int seed, int sizeClass)
    {
        Random random = new(seed);
        List<nuint> held = [];
        int lowWater = 0;
        (long Hits, long Misses) expected = default;
        for (int step = 0; step < 20_000; step++)
        {
            string where = $"seed {seed}, step {step}";
            int before = _cache.Count;
            int takes = FakeObjects.Takes;
            int gives = FakeObjects.Gives;
            int action = random.Next(100);
            if (action < (step / 1000 % 2 == 0 ? 60 : 35))
            {
                int wanted = random.Next(1, SizeClasses.MaxMove + 1);
                nuint[] taken = Take((nuint)sizeClass, wanted);
                held.AddRange(taken);
                AssertThat(taken.Length == (before > 0 ? Math.Min(before, wanted) : wanted), where);
                AssertThat(FakeObjects.Takes - takes == (before > 0 ? 0 : 1), where);
            }
            else if (action < 98)
            {
                nuint[] given = [.. held.TakeLast(random.Next(1, SizeClasses.MaxMove + 1))];
                if (given.Length == 0)
                {
                    continue;
                }

                held.RemoveRange(held.Count - given.Length, given.Length);
                Give((nuint)sizeClass, given);
            }
            else
            {
                bool all = random.Next(4) == 0;
                _cache.Plunder((nuint)sizeClass, all);
                AssertThat(_cache.Count == (all ? 0 : before - lowWater), where);
                lowWater = _cache.Count;
                AssertThat((_cache.Hits, _cache.Misses) == expected, where);
                continue;
            }

            bool hit = FakeObjects.Takes + FakeObjects.Gives == takes + gives;
            expected = hit ? (expected.Hits + 1, expected.Misses) : (expected.Hits, expected.Misses + 1);
            lowWater = Math.Min(lowWater, _cache.Count);
            AssertThat((_cache.Hits, _cache.Misses) == expected, where);
            AssertThat(held.Count + _cache.Count == FakeObjects.Out, where);
            AssertThat(_cache.Count <= Bound((nuint)sizeClass), where);
        }

        AssertThat(held.Distinct().Count() == held.Count, $"seed {seed}: an object is there twice");
        foreach (nuint[] batch in held.Chunk(SizeClasses.Batch((nuint)sizeClass)))
        {
            Give((nuint)sizeClass, batch);
        }

        _cache.Plunder((nuint)sizeClass, all: true);
        Assert.Equal((0, 0), (FakeObjects.Out, _cache.Count));
    }

    [Fact]
    public void GrowsToItsBoundAndNoFurther()
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            _cache = default;
            int batch = SizeClasses.Batch(sizeClass);
            nuint[][] batches = new nuint[100][];
            for (int i = 0; i < batches.Length; i++)
            {
                batches[i] = Take(sizeClass, batch);
            }

            foreach (nuint[] objects in batches)
            {
                Give(sizeClass, objects);
            }

            Assert.InRange(_cache.Count, Bound(sizeClass) / 2, Bound(sizeClass));
            _cache.Plunder(sizeClass, all: true);
        }
    }

    [Fact]
    public void LargeObjectsAreKeptOnceTheyComeAgain()
    {
        nuint sizeClass = SizeClasses.Of(4 << 10);
        for (int i = 0; i < SizeClasses.ReturnsBeforeKept(sizeClass); i++)
        {
            Give(sizeClass, Take(sizeClass, 1));
            Assert.Equal(0, _cache.Count);
        }

        Give(sizeClass, Take(sizeClass, 1));
        Assert.Equal(1, _cache.Count);
    }

    [Fact]
    public void WhatWasGivenLastIsTakenFirst()
    {
        nuint[] first = Take(1, 32);
        nuint[] second = Take(1, 32);
        Give(1, first);
        Give(1, second);
        Assert.Equal(second, Take(1, 32));
        Assert.Equal(first, Take(1, 32));
    }

    [Fact]
    public void OnlyWhatLayUntouchedIsPlundered()
    {
        nuint[] objects = Take(1, 32);
        Give(1, objects);
        _cache.Plunder(1, all: false); // it came only now
        Assert.Equal(32, _cache.Count);

        nuint[] some = Take(1, 10);
        Give(1, some);
        _cache.Plunder(1, all: false);
        Assert.Equal(10, _cache.Count);
        Assert.Equal(10, FakeObjects.Out);
    }

    [Fact]
    public void HandsOnThatThereIsNothing()
    {
        FakeObjects.Left = 3;
        Assert.Equal(3, Take(1, 32).Length);
        Assert.Empty(Take(1, 32));
    }

    [Fact]
    public void WorksWithoutMemoryForItself()
    {
        using MetadataShortage shortage = new();
        nuint[] objects = Take(1, 32);
        Give(1, objects);
        Assert.Equal((0, 0), (_cache.Count, FakeObjects.Out));
        Assert.Equal((0, 2), (_cache.Hits, _cache.Misses));
    }

    private static int Bound(nuint sizeClass) =>
        TransferRoom.Most((int)SizeClasses.Size(sizeClass), Heap.Pages->UsedBytes);

    private nuint[] Take(nuint sizeClass, int count)
    {
        nuint[] objects = new nuint[count];
        fixed (nuint* first = objects)
        {
            return objects[.._cache.Take(sizeClass, (void**)first, count)];
        }
    }

    private void Give(nuint sizeClass, nuint[] objects)
    {
        fixed (nuint* first = objects)
        {
            _cache.Give(sizeClass, (void**)first, objects.Length);
        }
    }

    private static void AssertThat(bool condition, string where)
    {
        if (!condition)
        {
            Assert.Fail(where);
        }
    }
}

using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What a slab may hold of one class.</summary>
public sealed class ClassRoomTests
{
    [Fact]
    public void NeitherAClassNorItsStackIsWithoutBounds()
    {
        foreach (int size in Sizes())
        {
            int most = ClassRoom.Most(size);
            Assert.InRange(most * (long)size, size * 2, 6 << 20);
            Assert.All(Enumerable.Range(1, most), needed => Assert.InRange(ClassRoom.Stack(needed, needed - 1, most), needed, most));
        }
    }

    // Else a class that grows object by object would leave as many stacks behind.
    [Fact]
    public void AStackGrowsAFewTimes()
    {
        int stacks = 0;
        for (int places = 0, most = ClassRoom.Most(16); places < most; stacks++)
        {
            places = ClassRoom.Stack(places == 0 ? 32 : places + 1, places, most);
        }

        Assert.InRange(stacks, 2, 6);
    }

    [Fact]
    public void AClassDoublesToItsBoundAndTakesAStepFromOthers()
    {
        Assert.Equal(32, ClassRoom.More(0, 1000, 32, spent: false));
        Assert.Equal(400, ClassRoom.More(400, 1000, 32, spent: false));
        Assert.Equal(32, ClassRoom.More(400, 1000, 32, spent: true));
        Assert.Equal(10, ClassRoom.More(10, 1000, 32, spent: true));
        Assert.Equal(5, ClassRoom.More(995, 1000, 32, spent: false));
        Assert.Equal(0, ClassRoom.More(1000, 1000, 32, spent: true));
    }

    [Fact]
    public void AStepIsABatchWhereTheBudgetHasRoomForBatchesOfManyClasses()
    {
        Assert.Equal(32, ClassRoom.Step(6 << 20, 64, 32));
        Assert.InRange(ClassRoom.Step(64 << 10, 512, 32), 1, 8);
        Assert.InRange(ClassRoom.Step(64 << 10, 256 << 10, 2), 1, 2);
    }

    [Fact]
    public void WhatMovesLeavesTheSlabNeitherFullNorEmpty()
    {
        foreach (int capacity in Enumerable.Range(2, 5000))
        {
            int move = ClassRoom.Move(capacity, 32);
            Assert.InRange(move, 1, (capacity + 1) / 2);
            Assert.InRange(move, 1, SizeClasses.MaxMove);
            Assert.InRange(ClassRoom.Refill(capacity, capacity, 32), 1, 1 + move);
            Assert.Equal(1, ClassRoom.Refill(capacity, 0, 32));
        }
    }

    // A look at all classes costs as much as some batches.
    [Fact]
    public void OthersAreAskedForRoomSeldom()
    {
        sbyte asked = 0;
        int first = AsksUntilItGets(ref asked);
        Assert.InRange(first, 4, 20);
        Assert.Equal(first, AsksUntilItGets(ref asked));
    }

    private static int AsksUntilItGets(ref sbyte asked)
    {
        int asks = 1;
        while (!ClassRoom.Gets(ref asked))
        {
            asks++;
        }

        return asks;
    }

    private static int[] Sizes() => [.. Enumerable.Range(1, SizeClasses.Count - 1).Select(sizeClass => (int)SizeClasses.Size((nuint)sizeClass))];
}

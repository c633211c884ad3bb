using System.Collections.Generic;
using Xunit;

namespace NativeMalloc.UnitTests.Sampling;

/// <summary>Each call stack once, up to a bound: <see cref="StackTable"/>.</summary>
public sealed unsafe class StackTableTests : AllocatorTest
{
    private StackTable _table;
    private SamplerState _state;

    [Fact]
    public void AStackIsKeptOnceAndDiffersByEachOfItsParts()
    {
        CallStack* one = Of(StackEnd.Whole, 1, 2, 3);
        Assert.Equal((nint)one, (nint)Of(StackEnd.Whole, 1, 2, 3));
        foreach (nint other in (nint[])
            [
                (nint)Of(StackEnd.Whole, 1, 2), (nint)Of(StackEnd.Lost, 1, 2, 3), (nint)Of(StackEnd.Whole, 1, 3, 2), (nint)Of(StackEnd.Whole, 1, 2, 4),
                (nint)Of(StackEnd.Whole),
            ])
        {
            Assert.NotEqual((nint)one, other);
        }

        Assert.Equal(3, one->Depth);
        Assert.Equal(StackEnd.Whole, one->End);
        Assert.Equal(2u, CallStack.FramesOf(one)[1]);
    }

    [Fact]
    public void ManyAreAllFoundAgainAndListedInOrder()
    {
        const int Count = 20_000;
        List<nint> all = [];
        for (int i = 0; i < Count; i++)
        {
            all.Add((nint)Of(StackEnd.Whole, (nuint)i, 7));
        }

        for (int i = 0; i < Count; i++)
        {
            Assert.Equal(all[i], (nint)Of(StackEnd.Whole, (nuint)i, 7));
        }

        List<nint> listed = [];
        for (CallStack* stack = _state.FirstStack->Later; stack != null; stack = stack->Later)
        {
            listed.Add((nint)stack);
        }

        Assert.Equal(all, listed);
        Assert.Equal(0u, _state.MissedStacks);
        Assert.Equal(StackEnd.NoRoom, _state.FirstStack->End);
    }

    [Fact]
    public void WhatFindsNoRoomCountsForOneEntryAndOthersAreStillFound()
    {
        nuint number = 0;
        CallStack* first = Of(StackEnd.Whole, 5, number);
        nuint bytes = 0;
        CallStack* stack;
        nuint[] frames = new nuint[Backtrace.MostFrames];
        do
        {
            frames[0] = ++number;
            stack = Of(StackEnd.Deep, frames);
            bytes += CallStack.BytesFor(frames.Length);
        }
        while (stack != _state.FirstStack);
        Assert.InRange(bytes, CallStack.MostBytes - 2000, CallStack.MostBytes + 2000);
        Assert.Equal(1u, _state.MissedStacks);
        Assert.Equal((nint)_state.FirstStack, (nint)Of(StackEnd.Deep, frames));
        Assert.Equal(2u, _state.MissedStacks);
        Assert.Equal((nint)first, (nint)Of(StackEnd.Whole, 5, 0));
        frames[0] = number - 1;
        Assert.NotEqual((nint)_state.FirstStack, (nint)Of(StackEnd.Deep, frames));
    }

    [Fact]
    public void WithoutMemoryThereIsNoEntry()
    {
        using MetadataShortage shortage = new();
        Assert.True(Of(StackEnd.Whole, 1) == null);
    }

    private CallStack* Of(StackEnd end, params nuint[] frames)
    {
        fixed (nuint* pointer = frames)
        {
            return _table.Of(pointer, frames.Length, end, ref _state);
        }
    }
}

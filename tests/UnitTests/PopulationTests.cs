using System;
using System.Collections.Generic;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>For which spans the kernel is asked for memory at once.</summary>
public sealed unsafe class PopulationTests : AllocatorTest, IDisposable
{
    private static readonly nuint s_small = SizeClasses.Of(256);

    private readonly Defaults _defaults = new(typeof(Population), typeof(Options));
    private readonly List<(nuint Class, nuint Block)> _taken = [];

    public PopulationTests() => EmptyHeap();

    public void Dispose()
    {
        GiveAll();
        _defaults.Dispose();
        EmptyHeap();
    }

    [Fact]
    public void AClassWithASpanHasAllOfTheNextAtOnce()
    {
        Assert.Equal(TakeSpans(s_small, 5)[1..], Os.Populated);
    }

    [Fact]
    public void WhatHoldsMemoryIsLeftAlone()
    {
        TakeSpans(s_small, 5);
        GiveAll();
        Os.Populated.Clear();
        TakeSpans(s_small, 5);
        Assert.Empty(Os.Populated);
    }

    [Fact]
    public void WhatWentBackComesAgain()
    {
        TakeSpans(s_small, 5);
        GiveAll();
        Heap.GiveKeptSpans(all: true);
        Heap.Pages->Release(nuint.MaxValue);
        Os.Populated.Clear();
        Assert.Equal(TakeSpans(s_small, 5)[1..], Os.Populated);
    }

    // A page of theirs need not be touched.
    [Fact]
    public void LargerObjectsAreNot()
    {
        TakeSpans(SizeClasses.Of(KernelPage.Size), 3);
        Assert.Equal(2, Os.Populated.Count);
        Os.Populated.Clear();
        TakeSpans(SizeClasses.Of(KernelPage.Size + 1), 3);
        Assert.Empty(Os.Populated);
    }

    [Fact]
    public void NorIsWhatIsToBeHuge()
    {
        OptionsTests.Read("NATIVEMALLOC_HUGE_PAGES=always");
        TakeSpans(s_small, 5);
        Assert.Empty(Os.Populated);
    }

    // Before Linux 5.14, or by a filter.
    [Fact]
    public void AKernelThatRefusesIsNotAskedAgain()
    {
        Os.CanPopulate = false;
        TakeSpans(s_small, 5);
        Assert.Single(Os.Populated);
    }

    // All objects of so many spans; they come one after the other. Where the spans lie.
    private (nuint Start, nuint Bytes)[] TakeSpans(nuint sizeClass, int count)
    {
        var spans = new (nuint, nuint)[count];
        for (int number = 0; number < count; number++)
        {
            for (nuint i = 0; i < (nuint)SizeClasses.ObjectsPerSpan(sizeClass); i++)
            {
                void* block;
                Assert.Equal(1, CentralFreeLists.Take(sizeClass, &block, 1));
                _taken.Add((sizeClass, (nuint)block));
                Span* span = PageMap.SpanOf((nuint)block);
                spans[number] = (span->Start, span->Bytes);
            }
        }

        return spans;
    }

    private void GiveAll()
    {
        foreach ((nuint sizeClass, nuint block) in _taken)
        {
            void* item = (void*)block;
            CentralFreeLists.Give(sizeClass, &item, 1);
        }

        _taken.Clear();
    }
}

using System;
using System.Runtime.InteropServices;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>While one thread waits for the kernel, others go on; and nobody waits for more than a step.</summary>
public sealed unsafe class PageHeapWaitTests : AllocatorTest, IDisposable
{
    private const nuint MostAtOnce = 8 << 20;
    private static readonly TimeSpan s_enough = TimeSpan.FromSeconds(20);

    private readonly PageHeap* _heap = (PageHeap*)NativeMemory.AllocZeroed((nuint)sizeof(PageHeap));
    private readonly PageHeapModel _model;

    public PageHeapWaitTests() => _model = new PageHeapModel(_heap);

    public void Dispose()
    {
        Os.WhileReleasing = null;
        Os.WhileMapping = null;
        _heap->Release(nuint.MaxValue);
        NativeMemory.Free(_heap);
    }

    [Fact]
    public void OneCallGivesBackAStepAndTheRestGoesWithLaterOnes()
    {
        Span* stays = _model.Take(200 * PageBits.Pages, PageMap.PageSize);
        Span*[] blocks = new Span*[30];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = _heap->Take(4 * PageBits.Pages, 0, PageMap.PageSize);
        }

        foreach (Span* block in blocks)
        {
            _heap->Give(block, released: false); // 240 MiB at once, as by a drain of caches
        }

        nuint kept = stays->Bytes / 4; // and a sixteenth of all
        nuint most = kept + (stays->Bytes + (240 << 20)) / 16;
        int calls = 0;
        for (; _heap->HasExcess; calls++)
        {
            nuint before = Os.ReleasedBytes;
            _heap->ReleaseExcess(0);
            Assert.InRange(Os.ReleasedBytes - before, (nuint)1, MostAtOnce);
        }

        Assert.InRange(_heap->FreeBytes, kept, most);
        Assert.InRange((nuint)calls, ((240 << 20) - most) / MostAtOnce, ((240 << 20) - kept) / MostAtOnce + 1);
    }

    [Fact]
    public void WhoFreesMuchGivesThatBack()
    {
        Span* block = _heap->Take(100 * PageBits.Pages, 0, PageMap.PageSize);
        _heap->Give(block, released: false);
        int steps = 0;
        Os.WhileReleasing = () => steps++;
        _heap->ReleaseExcess(100 * PageBits.Pages);
        Assert.InRange(_heap->FreeBytes, (nuint)0, (nuint)4 << 20);
        Assert.InRange((nuint)steps, (196 << 20) / MostAtOnce, (200 << 20) / MostAtOnce);
        _model.AssertTrackers();
    }

    [Fact]
    public void WhatLayIdleGoesByStepsToo()
    {
        _model.Take(1000 * PageBits.Pages, PageMap.PageSize);
        _heap->Give(_heap->Take(24 * PageBits.Pages, 0, PageMap.PageSize), released: false); // less than a sixteenth
        _heap->EndPeriods(1);
        Assert.False(_heap->HasExcess);
        nuint free = _heap->FreeBytes;
        _heap->EndPeriods(1);
        Assert.True(_heap->HasExcess);
        Assert.Equal(free, _heap->FreeBytes);
        _heap->ReleaseExcess(0);
        Assert.Equal(free - MostAtOnce, _heap->FreeBytes);
        while (_heap->HasExcess)
        {
            _heap->ReleaseExcess(0);
        }

        Assert.Equal((nuint)0, _heap->FreeBytes);
    }

    [Fact]
    public void AForkWaitsForOneStepOfWhatGoesBack()
    {
        _heap->Give(_heap->Take(20 * PageBits.Pages, 0, PageMap.PageSize), released: false);
        nuint free = _heap->FreeBytes;
        ThreadState* other = Shim.Thread() + 1; // for the gate it is but an address
        int steps = 0;
        Os.WhileReleasing = () =>
        {
            if (steps++ == 0)
            {
                ForkGate.Close(other);
            }
        };
        nuint released = _heap->Release(nuint.MaxValue);
        ForkGate.Open(other);
        Assert.Equal(1, steps);

        ForkGate.Close(Shim.Thread()); // its own handlers keep no fork waiting
        Assert.Equal(free - released, _heap->Release(nuint.MaxValue));
        ForkGate.Open(Shim.Thread());
    }

    [Fact]
    public void OthersAllocateWhileMemoryGoesBackOrIsMapped()
    {
        _model.Give(_model.Take(20 * PageBits.Pages, PageMap.PageSize));
        bool released = false;
        Os.WhileReleasing = () => released |= IsDoneMeanwhile(() => Assert.True(_heap->Take(1, 0, PageMap.PageSize) != null));
        _heap->Release(PageMap.HugePageSize);
        Assert.True(released);

        bool mapped = false;
        Os.WhileMapping = () => mapped |= IsDoneMeanwhile(() => Assert.True(_heap->Take(1, 0, PageMap.PageSize) != null));
        Assert.True(_heap->Take(100 * PageBits.Pages, 0, PageMap.PageSize) != null);
        Assert.True(mapped);
    }

    [Fact]
    public void ThreadsThatGrowTheHeapAtOnceAllGetTheirs()
    {
        Thread[] threads = new Thread[4];
        int got = 0;
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(() =>
            {
                for (int block = 0; block < 200; block++)
                {
                    if (_heap->Take(PageBits.Pages + (nuint)block, 0, PageMap.PageSize) != null)
                    {
                        Interlocked.Increment(ref got);
                    }
                }
            });
        }

        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => Assert.True(thread.Join(s_enough)));
        Assert.Equal(800, got);
        _model.AssertTrackers();
    }

    private static bool IsDoneMeanwhile(Action action)
    {
        Exception failure = null;
        Thread other = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception thrown)
            {
                failure = thrown;
            }
        })
        {
            IsBackground = true,
        };
        other.Start();
        bool done = other.Join(s_enough);
        Assert.Null(failure);
        return done;
    }
}

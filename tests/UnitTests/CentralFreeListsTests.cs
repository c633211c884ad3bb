using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>A class whose central free list is waited for has one for each CPU.</summary>
public sealed unsafe class CentralFreeListsTests : AllocatorTest, IDisposable
{
    private const nuint SizeClass = 4;

    public CentralFreeListsTests() => EmptyHeap();

    private static int Lists
    {
        get
        {
            int count = 0;
            foreach (CentralFreeList<Heap.Spans>* list in CentralFreeLists.Of(SizeClass))
            {
                Assert.Equal(count++, list->Number);
            }

            return count;
        }
    }

    private static nint Spans => Sum(static list => ((CentralFreeList<Heap.Spans>*)list)->Spans);

    private static nint Out => Sum(static list => ((CentralFreeList<Heap.Spans>*)list)->Out);

    public void Dispose()
    {
        Shim.Cpu = 0;
        Os.Reset();
        EmptyHeap();
    }

    [Fact]
    public void OneListIsEnoughWhereNobodyWaits()
    {
        for (int i = 0; i < 5000; i++)
        {
            nuint[] objects = Take(1 + i % SizeClasses.MaxMove);
            Give(objects);
        }

        Assert.Equal(1, Lists);
    }

    // Each time that the list is asked, somebody has it.
    [Fact]
    public void AListThatIsWaitedForIsDivided()
    {
        Divide();
        Assert.Equal(CentralFreeLists.Most, Lists);
        Assert.False(CentralFreeLists.Of(SizeClass + 1) is var another && another.MoveNext() && another.MoveNext()); // that of another class is not
    }

    [Fact]
    public void NoLockIsHeldWhileMemoryForListsIsMapped()
    {
        Give(Take(1));
        using (new MetadataShortage()) // what is mapped is used
        {
        }

        int calls = 0;
        int waits = 0;
        Os.BeforeCall = () =>
        {
            calls++;
            FutexLock* theLock = &CentralFreeLists.First(SizeClass)->Lock;
            if (theLock->TryAcquire())
            {
                theLock->Release();
            }
            else
            {
                waits++;
            }
        };
        Divide();
        Assert.Equal(0, waits);
        Assert.InRange(calls, 1, 100);
    }

    [Fact]
    public void WhatIsFreedGoesBackToTheListOfItsSpan()
    {
        Divide();
        List<nuint> all = [];
        for (int cpu = 0; cpu < 2 * CentralFreeLists.Most; cpu++)
        {
            Shim.Cpu = cpu;
            all.AddRange(Take(SizeClasses.ObjectsPerSpan(SizeClass) + 1)); // what another has goes first
            Assert.Equal(cpu % CentralFreeLists.Most, PageMap.SpanOf(all[^1])->Home);
        }

        Assert.Equal(all.Count, all.Distinct().Count());
        Assert.Equal(all.Count, Out);

        // From another CPU, in any order, in batches of all homes.
        Random random = new(1);
        Shim.Cpu = 3;
        foreach (nuint[] batch in all.OrderBy(_ => random.Next()).Chunk(SizeClasses.MaxMove))
        {
            Give(batch);
        }

        Assert.Equal(0, Out);
        Assert.Empty(Os.Written);
    }

    // So all lists together hold no more memory than one would.
    [Fact]
    public void WhatOtherListsHaveServesBeforeASpanMore()
    {
        Divide();
        Shim.Cpu = 5;
        nuint[] one = Take(1);
        Assert.Equal(1, Spans);
        int others = SizeClasses.ObjectsPerSpan(SizeClass) - 1;
        List<nuint> taken = [.. one];
        for (int cpu = 0; taken.Count <= others; cpu++)
        {
            Shim.Cpu = cpu;
            taken.AddRange(TakeOnce(Math.Min(7, others + 1 - taken.Count)));
        }

        Assert.Equal(1, Spans);
        Shim.Cpu = 9;
        taken.AddRange(Take(1));
        Assert.Equal(2, Spans);
        Give([.. taken]);
        Assert.Equal(0, Out);
    }

    [Fact]
    public void AnObjectThatIsFreedTwiceIsSeenInEachList()
    {
        Divide();
        for (int cpu = 0; cpu < CentralFreeLists.Most; cpu++)
        {
            Shim.Cpu = cpu;
            nuint[] objects = Take(2);
            Give([objects[0]]);
            AssertReported(() => Give([objects[0]]), "free(0x");
            Give([objects[1]]);
        }
    }

    // Against a set of what is out; threads of several CPUs, which allocate for each other.
    [Fact]
    public void ThreadsShareAllLists()
    {
        Divide();
        List<nuint>[] given = [.. Enumerable.Range(0, 4).Select(_ => new List<nuint>())];
        string failure = null;
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(number => new Thread(() =>
        {
            Shim.Cpu = number * 5;
            Random random = new(number);
            for (int step = 0; step < 3000; step++)
            {
                nuint[] objects = TakeOnce(random.Next(1, SizeClasses.MaxMove + 1));
                foreach (nuint one in objects)
                {
                    nuint before = Interlocked.Exchange(ref *(nuint*)one, one);
                    failure = before == one ? $"{one:x} is out twice" : failure;
                }

                List<nuint> next = given[(number + 1) % 4];
                lock (next)
                {
                    next.AddRange(objects);
                }

                nuint[] free;
                lock (given[number])
                {
                    free = [.. given[number].Take(SizeClasses.MaxMove)];
                    given[number].RemoveRange(0, free.Length);
                }

                Array.ForEach(free, one => Interlocked.Exchange(ref *(nuint*)one, 0));
                Give(free);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Null(failure);
        Assert.Equal(given.Sum(list => list.Count), Out);
        Array.ForEach(given, list => Give([.. list]));
        Assert.Equal(0, Out);
    }

    private static void Divide()
    {
        FutexLock* taken = &CentralFreeLists.First(SizeClass)->Lock;
        for (int turn = 0; Lists == 1; turn++)
        {
            Assert.True(turn < 10_000, "nobody had to wait");
            using ManualResetEventSlim isHeld = new();
            Thread other = new(() =>
            {
                taken->Acquire();
                isHeld.Set();
                Thread.Sleep(1);
                taken->Release();
            });
            other.Start();
            isHeld.Wait();
            Give(Take(1));
            other.Join();
        }

        Heap.GiveKeptSpans(all: true);
    }

    private static nint Sum(Func<nint, nint> part)
    {
        nint sum = 0;
        foreach (CentralFreeList<Heap.Spans>* list in CentralFreeLists.Of(SizeClass))
        {
            sum += part((nint)list);
        }

        return sum;
    }

    private static nuint[] Take(int count)
    {
        List<nuint> all = [];
        while (all.Count < count)
        {
            all.AddRange(TakeOnce(Math.Min(count - all.Count, SizeClasses.MaxMove)));
        }

        return [.. all];
    }

    private static nuint[] TakeOnce(int count)
    {
        void** objects = stackalloc void*[SizeClasses.MaxMove];
        int taken = CentralFreeLists.Take(SizeClass, objects, count);
        Assert.InRange(taken, 1, count);
        return new System.Span<nuint>(objects, taken).ToArray();
    }

    private static void Give(nuint[] objects)
    {
        fixed (nuint* first = objects)
        {
            for (int given = 0; given < objects.Length; given += SizeClasses.MaxMove)
            {
                CentralFreeLists.Give(SizeClass, (void**)(first + given), Math.Min(SizeClasses.MaxMove, objects.Length - given));
            }
        }
    }
}

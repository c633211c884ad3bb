using System;
using System.Collections.Generic;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>While the kernel maps memory or takes it back, no lock of a class is held, for which other threads' allocations would wait.</summary>
public sealed unsafe class ClassLocksTests : AllocatorTest, IDisposable
{
    private static readonly int[] s_sizes = [16, 48, 112, 256, 1000, 4096, 20480, 100_000, 256 << 10];

    private readonly Random _random = new(3);

    // Objects that are out, of each size.
    private readonly List<nuint>[] _objects = Array.ConvertAll(s_sizes, _ => new List<nuint>());

    private int _calls;
    private int _callsForIdle;

    public ClassLocksTests() => EmptyHeap();

    public void Dispose()
    {
        Os.Reset();
        EmptyHeap();
    }

    [Fact]
    public void NoneIsHeldDuringASystemCall()
    {
        Os.BeforeCall = AssertLocksAreFree;
        nuint remnants = 0;
        for (int round = 0; round < 10; round++)
        {
            // The sizes shift, so that there are remnants; and now and then everything goes.
            Fill((nuint)(16 << 20), round % s_sizes.Length);
            Fill((nuint)(4 << 20), _random.Next(s_sizes.Length));
            remnants += Heap.Remnants->Bytes;
            DropAllBut(round % 4 == 3 ? 1000 : 12);
            Heap.GiveKeptSpans(all: round % 2 == 0);
            Heap.PlunderTransferCaches(all: round % 2 == 1);
            ReleaseIdle();
        }

        Assert.True(remnants > 0 && _callsForIdle > 0); // or less would be shown
        int calls = _calls;
        Heap.EmptyCaches(mayAbortOthers: false);
        DropAllBut(int.MaxValue);
        Heap.Release(nuint.MaxValue);
        Assert.True(calls > 5 && _calls > calls, $"{calls} calls, {_calls} in all");
    }

    // A look finds what the one before it found.
    private void ReleaseIdle()
    {
        Heap.EndIdlePeriods(1);
        int before = _calls;
        while (Heap.HasIdle)
        {
            Heap.ReleaseIdle();
        }

        _callsForIdle += _calls - before;
    }

    // As another thread would find them.
    private void AssertLocksAreFree()
    {
        _calls++;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            AssertIsFree(ref Heap.Transfer(sizeClass)->Lock);
            AssertIsFree(ref CentralFreeLists.First(sizeClass)->Lock);
        }

        AssertIsFree(ref Heap.Remnants->Lock);
    }

    private static void AssertIsFree(ref FutexLock theLock)
    {
        Assert.True(theLock.TryAcquire(), "a lock is held");
        theLock.Release();
    }

    private void Fill(nuint bytes, int which)
    {
        nuint sizeClass = SizeClasses.Of((nuint)s_sizes[which]);
        void** batch = stackalloc void*[SizeClasses.MaxMove];
        for (nuint filled = 0; filled < bytes;)
        {
            int taken = Heap.Transfer(sizeClass)->Take(sizeClass, batch, _random.Next(1, SizeClasses.MaxMove + 1));
            Assert.True(taken > 0);
            for (int i = 0; i < taken; i++)
            {
                _objects[which].Add((nuint)batch[i]);
            }

            filled += (nuint)taken * SizeClasses.Size(sizeClass);
        }
    }

    private void DropAllBut(int oneOf)
    {
        void** batch = stackalloc void*[SizeClasses.MaxMove];
        for (int which = 0; which < s_sizes.Length; which++)
        {
            nuint sizeClass = SizeClasses.Of((nuint)s_sizes[which]);
            List<nuint> kept = [];
            int count = 0;
            foreach (nuint address in _objects[which])
            {
                if (oneOf != int.MaxValue && _random.Next(oneOf) == 0)
                {
                    kept.Add(address);
                    continue;
                }

                batch[count++] = (void*)address;
                if (count == SizeClasses.MaxMove)
                {
                    Heap.Transfer(sizeClass)->Give(sizeClass, batch, count);
                    count = 0;
                }
            }

            if (count > 0)
            {
                Heap.Transfer(sizeClass)->Give(sizeClass, batch, count);
            }

            _objects[which] = kept;
        }
    }
}

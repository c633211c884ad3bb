using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class FutexLockTests : AllocatorTest, IDisposable
{
    private static readonly TimeSpan s_enough = TimeSpan.FromSeconds(200);

    private readonly FutexLock* _lock = (FutexLock*)NativeMemory.AllocZeroed((nuint)sizeof(FutexLock));

    public void Dispose() => NativeMemory.Free(_lock);

    [Fact]
    public void OneThreadAtATime()
    {
        const int Rounds = 20_000;
        int[] counter = [0];
        Thread[] threads = StartHolders(4, Rounds, i =>
        {
            int seen = counter[0];
            if (i % 64 == 0)
            {
                Thread.Yield(); // so that others have to wait
            }

            counter[0] = seen + 1;
        });
        Assert.All(threads, t => Assert.True(t.Join(s_enough)));
        Assert.Equal(threads.Length * Rounds, counter[0]);
        Assert.True(_lock->TryAcquire());
    }

    [Fact]
    public void TryAcquireDoesNotWait()
    {
        Assert.True(_lock->TryAcquire());
        Assert.False(_lock->TryAcquire());
        _lock->Release();
        Assert.True(_lock->TryAcquire());
    }

    [Fact]
    public void SleepersAreWoken()
    {
        _lock->Acquire();
        Thread sleeper = new(() => _lock->Acquire());
        sleeper.Start();
        Assert.False(sleeper.Join(100));
        _lock->Release();
        Assert.True(sleeper.Join(s_enough));
        Assert.False(_lock->TryAcquire());
    }

    // Threads that take the lock so many times, and do something while they have it.
    private Thread[] StartHolders(int count, int rounds, Action<int> work)
    {
        Thread[] threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < rounds; i++)
            {
                _lock->Acquire();
                work(i);
                _lock->Release();
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        return threads;
    }
}

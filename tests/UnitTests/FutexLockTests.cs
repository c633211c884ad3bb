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
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                _lock->Acquire();
                int seen = counter[0];
                if (i % 64 == 0)
                {
                    Thread.Yield(); // so that others have to wait
                }

                counter[0] = seen + 1;
                _lock->Release();
            }
        }))];
        Array.ForEach(threads, t => t.Start());
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

    [Fact]
    public void TheForkingThreadPassesAndOthersWait()
    {
        FutexLock.BeginFork();
        _lock->AcquireForFork();
        _lock->Acquire();
        _lock->Release();
        _lock->Acquire();
        _lock->Release();
        Assert.False(_lock->TryAcquire());

        Thread other = new(() => _lock->Acquire());
        other.Start();
        Assert.False(other.Join(100));
        _lock->Renew(child: false);
        FutexLock.EndFork(child: false);
        Assert.True(other.Join(s_enough));
        _lock->Release();
        Assert.True(_lock->TryAcquire());
    }

    [Fact]
    public void InTheChildTheLockIsFree()
    {
        FutexLock.BeginFork();
        _lock->AcquireForFork();
        _lock->Renew(child: true);
        FutexLock.EndFork(child: false);
        Assert.True(_lock->TryAcquire());
    }
}

using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class FutexLockTests : AllocatorTest, IDisposable
{
    private static readonly TimeSpan s_enough = TimeSpan.FromSeconds(200);

    private const LockOrder Place = LockOrder.Quarantine;

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
        Assert.True(_lock->TryAcquire(Place));
    }

    [Fact]
    public void TryAcquireDoesNotWait()
    {
        Assert.True(_lock->TryAcquire(Place));
        Assert.False(_lock->TryAcquire(Place));
        _lock->Release();
        Assert.True(_lock->TryAcquire(Place));
    }

    [Fact]
    public void SleepersAreWoken()
    {
        _lock->Acquire(Place);
        Thread sleeper = new(() => _lock->Acquire(Place));
        sleeper.Start();
        Assert.False(sleeper.Join(100));
        _lock->Release();
        Assert.True(sleeper.Join(s_enough));
        Assert.False(_lock->TryAcquire(Place));
    }

    [Fact]
    public void ForksKeepOthersAwayAndLoseNobodyWhoWaits()
    {
        const int Rounds = 3000;
        int[] counter = [0];
        Thread[] threads = StartHolders(3, Rounds, _ =>
        {
            counter[0]++;
            Thread.Yield();
            counter[0]++;
        });
        for (int i = 0; i < Rounds; i++)
        {
            BeginFork();
            int seen = counter[0];
            Thread.Yield();
            Assert.Equal(seen, counter[0]);
            EndFork();
        }

        Assert.All(threads, t => Assert.True(t.Join(s_enough)));
        Assert.True(_lock->TryAcquire(Place));
    }

    [Fact]
    public void TheForkingThreadPassesAndOthersWait()
    {
        BeginFork();
        _lock->Acquire(Place);
        _lock->Release();
        Assert.True(_lock->TryAcquire(Place));
        _lock->Release();

        Thread tries = new(() => Assert.False(_lock->TryAcquire(Place)));
        tries.Start();
        Assert.True(tries.Join(s_enough));
        Thread waits = new(() => _lock->Acquire(Place));
        waits.Start();
        Assert.False(waits.Join(100));
        EndFork();
        Assert.True(waits.Join(s_enough));
        _lock->Release();
        Assert.True(_lock->TryAcquire(Place));
    }

    [Fact]
    public void LocksThatComeLaterAreOpenUntilTheirTurn()
    {
        ForkGate.Begin();
        ForkGate.Close(Place - 1);
        Thread other = new(() => _lock->Acquire(Place));
        other.Start();
        Assert.True(other.Join(s_enough));
        ForkGate.Close(Place);
        Thread release = new(() =>
        {
            Thread.Sleep(50);
            _lock->Release();
        });
        release.Start();
        _lock->AwaitFree();
        Assert.True(release.Join(s_enough));
        EndFork();
    }

    [Fact]
    public void AForkWithinAForkLeavesTheGateClosed()
    {
        Assert.True(ForkGate.Begin());
        Assert.False(ForkGate.Begin());
        Assert.False(ForkGate.Leave());
        Assert.True(ForkGate.Leave());
        ForkGate.Open(child: false);
    }

    [Fact]
    public void InTheChildTheLockIsFree()
    {
        BeginFork();
        Thread late = new(() => _lock->AcquireUngated()); // and has yet to look at the gate
        late.Start();
        Assert.True(late.Join(s_enough));
        _lock->Acquire(Place); // as other libraries' handlers do, before ours
        _lock->Release();
        _lock->FreeInChild();
        ForkGate.Open(child: true);
        Assert.True(_lock->TryAcquire(Place));
    }

    // Threads that take the lock so many times, and do something while they have it.
    private Thread[] StartHolders(int count, int rounds, Action<int> work)
    {
        Thread[] threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < rounds; i++)
            {
                _lock->Acquire(Place);
                work(i);
                _lock->Release();
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        return threads;
    }

    private void BeginFork()
    {
        Assert.True(ForkGate.Begin());
        ForkGate.Close(Place);
        _lock->AwaitFree();
        ForkGate.Close(LockOrder.Last);
    }

    private static void EndFork()
    {
        Assert.True(ForkGate.Leave());
        ForkGate.Open(child: false);
    }
}

using System;
using System.Linq;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Slow paths, and the forks that keep them away (<see cref="ForkGate"/>, <see cref="Insiders"/>).</summary>
public sealed unsafe class SlowPathTests : AllocatorTest
{
    private static readonly TimeSpan s_enough = TimeSpan.FromSeconds(200);

    private static ThreadState* Me => Shim.Thread();

    [Fact]
    public void WhoInterruptsASlowPathOfItsThreadStaysOut()
    {
        Assert.True(SlowPath.TryEnter(Me));
        Assert.False(SlowPath.TryEnter(Me));
        Assert.False(SlowPath.Enter(Me));
        SlowPath.Leave(Me);
        Assert.True(SlowPath.TryEnter(Me));
        SlowPath.Leave(Me);
    }

    [Fact]
    public void WhatWasDeferredIsFreedByWhoLeavesNext()
    {
        ulong* blocks = stackalloc ulong[4] { 0, 0, 0, 0 }; // two
        SlowPath.Defer(&blocks[0]);
        SlowPath.Defer(&blocks[2]);
        CpuCache.Deferred.Clear();
        Assert.True(SlowPath.TryEnter(Me));
        SlowPath.Leave(Me);
        Assert.Equal([(nint)(&blocks[2]), (nint)(&blocks[0])], CpuCache.Deferred);
    }

    [Fact]
    public void AForkAndSlowPathsOfOtherThreadsExcludeEachOther()
    {
        const int Rounds = 2000;
        int[] counter = [0];
        bool[] stop = [false];
        Thread[] threads = Start(3, () =>
        {
            while (!stop[0])
            {
                if (SlowPath.TryEnter(Me))
                {
                    Interlocked.Increment(ref counter[0]);
                    Thread.Yield();
                    Interlocked.Increment(ref counter[0]);
                    SlowPath.Leave(Me);
                }
            }
        });
        for (int i = 0; i < Rounds; i++)
        {
            BeginFork();
            int seen = Volatile.Read(ref counter[0]);
            Thread.Yield();
            Assert.Equal(seen, Volatile.Read(ref counter[0]));
            ForkGate.Open(Me);
        }

        stop[0] = true;
        Join(threads);
    }

    // A thread that is on its slow path until it may leave.
    private static Thread StartInside(ManualResetEventSlim leave)
    {
        using ManualResetEventSlim inside = new();
        Thread other = new(() =>
        {
            Assert.True(SlowPath.TryEnter(Me));
            inside.Set();
            leave.Wait();
            SlowPath.Leave(Me);
        });
        other.Start();
        inside.Wait();
        return other;
    }

    [Fact]
    public void TheForkWaitsForWhoIsInside()
    {
        using ManualResetEventSlim leave = new();
        Thread other = StartInside(leave);
        Thread forks = new(() =>
        {
            BeginFork();
            ForkGate.Open(Me);
        });
        forks.Start();
        Assert.False(forks.Join(50));
        leave.Set();
        Assert.True(forks.Join(s_enough));
        Join(other);
    }

    [Fact]
    public void NobodyWaitsForAForkThatDoesNotEnd()
    {
        BeginFork();
        Thread other = new(() => Assert.False(SlowPath.TryEnter(Me)));
        other.Start();
        Join(other);
        ForkGate.Open(Me);
        other = new(() =>
        {
            Assert.True(SlowPath.TryEnter(Me));
            SlowPath.Leave(Me);
        });
        other.Start();
        Join(other);
    }

    [Fact]
    public void ThePatientWaitForTheFork()
    {
        BeginFork();
        Thread other = new(() =>
        {
            Assert.True(SlowPath.Enter(Me));
            SlowPath.Leave(Me);
        });
        other.Start();
        Assert.False(other.Join(50));
        ForkGate.Open(Me);
        Join(other);
    }

    [Fact]
    public void TheForkingThreadMayComeInUnlessAnotherForksToo()
    {
        BeginFork();
        Assert.True(SlowPath.TryEnter(Me));
        SlowPath.Leave(Me);
        using ManualResetEventSlim closed = new(), open = new();
        Thread other = new(() =>
        {
            BeginFork();
            closed.Set();
            open.Wait();
            ForkGate.Open(Me);
        });
        other.Start();
        closed.Wait();
        Assert.False(SlowPath.TryEnter(Me));
        open.Set();
        Join(other);
        Assert.True(SlowPath.TryEnter(Me));
        SlowPath.Leave(Me);
        ForkGate.Open(Me);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AForkWithinAForkLeavesTheGateClosed(bool child)
    {
        BeginFork();
        BeginFork();
        End(child);
        Assert.True(ForkGate.IsClosed);
        ForkGate.Open(Me);
        Assert.False(ForkGate.IsClosed);
        ForkGate.Open(Me); // of a fork that was not prepared for
        Assert.False(ForkGate.IsClosed);
    }

    [Fact]
    public void InTheChildOtherThreadsForksAreOver()
    {
        using ManualResetEventSlim closed = new();
        Thread other = new(() =>
        {
            ForkGate.Close(Me);
            closed.Set();
        });
        other.Start();
        closed.Wait();
        Join(other);
        BeginFork();
        End(child: true);
        Assert.False(ForkGate.IsClosed);
        Assert.True(SlowPath.TryEnter(Me));
        SlowPath.Leave(Me);
    }

    // A handler that interrupted malloc: others may wait for its thread's locks.
    [Fact]
    public void AForkFromWithinASlowPathDoesNotWaitForEver()
    {
        using ManualResetEventSlim leave = new();
        Thread other = StartInside(leave);
        Assert.True(SlowPath.TryEnter(Me));
        BeginFork();
        Assert.False(SlowPath.TryEnter(Me));
        leave.Set();
        ForkGate.Open(Me);
        SlowPath.Leave(Me);
        Join(other);
    }

    // Who needs others' locks himself, from within a slow path, waits for as long as he says.
    [Fact]
    public void HowLongToWaitForOthersIsSaid()
    {
        using ManualResetEventSlim leave = new();
        Thread other = StartInside(leave);
        Assert.True(SlowPath.TryEnter(Me));
        ForkGate.Close(Me);
        Assert.False(Insiders.AwaitOthers(Me, sleeps: 20));
        bool[] left = [false];
        Thread release = new(() =>
        {
            Thread.Sleep(Insiders.SleepsOfHandler * 10);
            Volatile.Write(ref left[0], true);
            leave.Set();
        });
        release.Start();
        Assert.True(Insiders.AwaitOthers(Me, sleeps: 100_000));
        Assert.True(Volatile.Read(ref left[0]));
        ForkGate.Open(Me);
        SlowPath.Leave(Me);
        Join(other, release);
    }

    [Fact]
    public void MoreForksThanThereAreBitsWaitForEachOther()
    {
        Join(Start(40, () =>
        {
            for (int i = 0; i < 20; i++)
            {
                ForkGate.Close(Me);
                Thread.Yield();
                ForkGate.Open(Me);
            }
        }));
        Assert.False(ForkGate.IsClosed);
    }

    private static void BeginFork()
    {
        ForkGate.Close(Me);
        Insiders.AwaitOthers(Me, Me->OnSlowPath != 0 ? Insiders.SleepsOfHandler : int.MaxValue);
    }

    private static void End(bool child)
    {
        if (child)
        {
            Insiders.ForgetOthers(Me);
            ForkGate.OpenInChild(Me);
        }
        else
        {
            ForkGate.Open(Me);
        }
    }

    private static Thread[] Start(int count, Action work)
    {
        Thread[] threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(() => work()))];
        Array.ForEach(threads, t => t.Start());
        return threads;
    }

    private static void Join(params Thread[] threads) => Assert.All(threads, t => Assert.True(t.Join(s_enough)));
}

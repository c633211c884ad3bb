using System;
using System.Linq;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>A test that begins with fresh doubles.</summary>
public abstract unsafe class AllocatorTest
{
    static AllocatorTest()
    {
        Os.Reset();
        TryPromises();
    }

    protected AllocatorTest()
    {
        Os.Reset();
        Heap.GiveKeptSpans(all: true); // before a test makes its tiers anew
        Heap.Occupancy = Occupancy.Begin();
        Shim.Reset();
        MovedBlocks.CanMove = true;
        MovedBlocks.MostMappings = 1000;
    }

    /// <summary>
    /// What is done on a slow path finds a misuse and goes on, as it must; when the path is left, that is told in a line that begins so.
    /// </summary>
    protected static void AssertReported(Action action, string line)
    {
        ThreadState* thread = Shim.Thread();
        thread->OnSlowPath = 1;
        action();
        thread->OnSlowPath = 0;
        Assert.NotEqual(Fault.None, thread->Finding.Fault);
        Assert.Empty(Os.Written);
        Assert.Throws<AbortException>(() => Misuse.ReportFinding(Shim.Thread()));
        Assert.StartsWith("nativemalloc: " + line, Encoding.ASCII.GetString(Os.Written.Single()));
        Assert.Equal(Fault.None, thread->Finding.Fault);
        Os.Written.Clear();
    }

    /// <summary>What is tried once in a process is done, and counts in no test.</summary>
    protected static void TryPromises()
    {
        Promises.Forget();
        Promises.TryRelease();
        Assert.True(!Promises.ReleaseIsBroken && Promises.MovesLeaveZeros);
    }

    /// <summary>As realloc does it.</summary>
    private protected static void* Resize(Span* span, nuint size)
    {
        Span* before = span;
        void* resized = LargeBlocks.Resize(ref span, size);
        LargeBlocks.EndMove(before, span);
        return resized;
    }

    /// <summary>The heap is the process's: a test that uses all of it begins with an empty one, and leaves one.</summary>
    protected static void EmptyHeap()
    {
        *Heap.Pages = default;
        *Heap.Remnants = default;
        Assert.True(Heap.Initialize());
    }
}

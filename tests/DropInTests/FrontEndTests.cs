using System.Text.RegularExpressions;
using System.Text.Json;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The front end, in each of its modes.</summary>
public sealed class FrontEndTests
{
    private const int Threads = 4;
    private const int MaxSlowPathsPerThread = 200;

    [Theory]
    [InlineData("mm_cid", "per-cpu", "glibc")]
    [InlineData("cpu_id", "per-cpu", "glibc")]
    [InlineData("thread", "per-thread", "glibc")]
    public void PairsStayOnTheFastPath(string index, string frontEnd, string rseq)
    {
        JsonElement statistics = Statistics.Of(
            TestProgram.Run("threads", Threads.ToString(), "10000000").With("NATIVEMALLOC_INDEX", index));
        Assert.Equal(frontEnd, statistics.Text("front_end"));
        Assert.Equal(rseq, statistics.Text("rseq"));
        Assert.Equal(index, statistics.Text("index"));
        long slow = statistics.Number("slow_path", "allocations") + statistics.Number("slow_path", "frees");
        Assert.InRange(slow, 1, Threads * MaxSlowPathsPerThread);
    }

    [Theory]
    [InlineData("mm_cid", 1, 2)] // one, if other programs keep the second CPU busy
    [InlineData("cpu_id", 1, 2)]
    [InlineData("thread", Threads + 1, Threads + 1)] // and the main thread's
    public void SlabsAreThoseOfTheCpusOrOfTheThreads(string index, int least, int most)
    {
        // On two of the CPUs, however many there are.
        string program = TestProgram.Path("threads");
        JsonElement statistics = Statistics.Of(
            new Command("taskset", "-c", "0,1", program, Threads.ToString(), "20000000").With("NATIVEMALLOC_INDEX", index));
        Assert.InRange(statistics.Number("slabs_made"), least, most);
    }

    // Twenty at a time, with what they allocate in destructors that run after ours.
    [Fact]
    public void AHundredThousandThreadsLeaveNoSlab()
    {
        JsonElement statistics = Statistics.Of(TestProgram.Run("lives", "100000").With("NATIVEMALLOC_INDEX", "thread"));
        Assert.InRange(statistics.Number("slabs_made"), 1, 20 + 1); // and the main thread's
        Assert.Equal(1, statistics.Number("slabs"));
    }

    [Fact]
    public void BlocksStayOnTheirCpuUnderCpuId() =>
        TestProgram.Run("pinned").Preloaded().With("NATIVEMALLOC_INDEX", "cpu_id").Run().Succeeded();

    // With periods that end at once slabs lay out their stacks anew all the time, under the eyes of another thread.
    [Theory]
    [InlineData("mm_cid", 0)]
    [InlineData("cpu_id", 0)]
    [InlineData("cpu_id", 1)]
    [InlineData("thread", 1)]
    public void WhoLooksAtASlabThatIsHalfChangedGetsABlock(string index, int delay) =>
        TestProgram.Run("torn", "4").Preloaded().With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_RELEASE_DELAY", delay.ToString())
            .Run().Succeeded();

    [Fact]
    public void MakesNoRseqCallWhereGlibcHasRegistered()
    {
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        string[] CallsOf(string preload)
        {
            new Command("strace", "-f", "-e", "trace=rseq", "-o", trace, "-E", "LD_PRELOAD=" + preload, TestProgram.Path("threads"), "4", "100000")
                .Run().Succeeded();
            return File.ReadAllLines(trace).Where(line => line.Contains("rseq(")).ToArray();
        }

        // glibc's own: one for each thread.
        Assert.Equal(5, CallsOf("").Length);
        Assert.Equal(5, CallsOf(Repository.Library).Length);
    }

    [Fact]
    public void MakesOnlyTheSystemCallsOfAMallocOnceItRuns()
    {
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        new Command("strace", "-f", "-o", trace, "-E", "LD_PRELOAD=" + Repository.Library, TestProgram.Path("large")).Run().Succeeded();
        string[] calls = File.ReadAllLines(trace);

        // Thousands of large blocks, and growth to 200 MiB: far fewer calls than blocks.
        int started = Array.FindIndex(calls, line => line.Contains("sched_getaffinity"));
        Assert.True(started > 0);
        string[] ours = calls[(started + 1)..];
        Assert.All(ours, line => Assert.Matches(@"mmap|munmap|mremap|mprotect|madvise|membarrier|brk|exit_group|\+\+\+", line));
        Assert.InRange(ours.Count(line => line.Contains("mmap(") || line.Contains("munmap(")), 1, 200);
        Assert.Contains(ours, line => line.Contains("mremap("));
    }

    // The next request of its size finds what was freed in a remnant, too; else each such free would be one under a lock, of all threads.
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void WhatIsFreedInARemnantGoesThroughTheCaches(string index)
    {
        JsonElement statistics = Statistics.Of(TestProgram.Run("remnants").With("NATIVEMALLOC_INDEX", index), out Outcome outcome);
        Match found = Regex.Match(outcome.Output, @"^(\d+) of (\d+)\n$");
        Assert.True(statistics.Number("remnants", "used") > 16 << 20); // or the test would show nothing
        Assert.InRange(int.Parse(found.Groups[1].Value), int.Parse(found.Groups[2].Value) * 9 / 10, int.MaxValue);
    }

    [Fact]
    public void BlockThatGrowsIsNotCopiedEachTime() => TestProgram.Run("grown").Preloaded().Run().Succeeded();

    // The kernel moves one mapping of its own at a time.
    [Fact]
    public void BlockOfSeveralMappingsIsMoved()
    {
        string trace = Path.Combine(Repository.NewFolder("strace"), "trace");
        new Command("strace", "-o", trace, "-e", "trace=mremap", "-E", "LD_PRELOAD=" + Repository.Library, TestProgram.Path("moved")).Run().Succeeded();
        string[] calls = File.ReadAllLines(trace);
        int divided = Array.FindIndex(calls, line => line.Contains("EFAULT"));
        Assert.InRange(divided, 0, calls.Length - 2);
        Assert.Contains("= 0x", calls[^2]); // the last is the end of the process
        Assert.DoesNotContain(calls, line => line.Contains("= -1") && !line.Contains("EFAULT"));
    }
}

using System.Globalization;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What a program that gets smaller gives back to the kernel, by itself: the memory benchmark's own workloads.</summary>
public sealed class ReleaseTests
{
    private static readonly Lazy<string> s_program = new(() =>
    {
        string program = Path.Combine(Repository.NewFolder("memory"), "memory");
        new Command("gcc", "-O2", "-fno-builtin", "-pthread", Path.Combine(Repository.Root, "perf", "memory.c"), "-o", program).Run().Succeeded();
        return program;
    });

    /// <summary>perf/memory.c, compiled.</summary>
    internal static string Program => s_program.Value;

    [Theory]
    [InlineData("mm_cid", "ordered")]
    [InlineData("mm_cid", "random")]
    [InlineData("cpu_id", "random")]
    [InlineData("thread", "ordered")]
    [InlineData("thread", "random")]
    public void FreedHeapGoesBack(string index, string order)
    {
        Dictionary<string, double> resident = Run(new Command(s_program.Value, "freed", order, "150").With("NATIVEMALLOC_INDEX", index));
        Assert.InRange(resident["peak"], 150, 200);
        Assert.InRange(resident["at-once"], 0, resident["peak"] / 4); // most of it at the last free
        Assert.InRange(resident["after"], 0, resident["peak"] / 20); // a second of light use later
    }

    // No malloc of the light use misses a cache: time passes nevertheless, also after a tight loop, and when it sleeps longer than a period.
    [Theory]
    [InlineData("mm_cid", "1000", "100", "0")]
    [InlineData("cpu_id", "100", "100", "0")]
    [InlineData("thread", "100", "16", "0")]
    [InlineData("thread", "1000", "100000", "0")]
    [InlineData("mm_cid", "100", "100000", "0")]
    [InlineData("mm_cid", "3", "100", "0")]
    [InlineData("thread", "1000", "100", "100000")]
    public void FreedHeapGoesBackWhileCachesServe(string index, string hertz, string size, string busy) =>
        Assert.InRange(Run(TestProgram.Run("lightly", "1", hertz, size, busy).With("NATIVEMALLOC_INDEX", index))["after"], 0, 4.5);

    // 1,024 of those before are as many bytes as millions of those after.
    [Theory]
    [InlineData("100000")]
    [InlineData("1000000")]
    public void FreedMemoryGoesBackWhereSmallBlocksFollowOnLargeOnes(string size)
    {
        Dictionary<string, double> resident = Run(TestProgram.Run("smaller", size));
        Assert.InRange(resident["gone"], resident["freed"] * 0.9, resident["freed"] * 1.1);
    }

    // A size that turns the countdown over: each would put the next look off by 1 TiB.
    [Fact]
    public void TimeGoesOnAfterASignalHandlerAskedForWhatNobodyHas()
    {
        Dictionary<string, double> resident = Run(TestProgram.Run("refused", "0xffffff0000000000"));
        Assert.InRange(resident["gone"], resident["freed"] * 0.9, resident["freed"] * 1.1);
    }

    // By CPU; by mm_cid a lone thread has one slab, wherever it runs.
    [Theory]
    [InlineData("cpu_id")]
    [InlineData("mm_cid")]
    public void LoneThreadEmptiesWhatItLeftOnAnotherCpu(string index)
    {
        Dictionary<string, double> resident = Run(TestProgram.Run("elsewhere").With("NATIVEMALLOC_INDEX", index));
        Assert.InRange(resident["there"], 2, 6);
        Assert.InRange(resident["after"], 0, resident["there"] / 2);
    }

    [Fact]
    public void DelayThatNeverEndsKeepsWhatIsWithinBounds()
    {
        Dictionary<string, double> resident = Run(new Command(s_program.Value, "freed", "ordered", "150").With("NATIVEMALLOC_RELEASE_DELAY", "86400000"));
        Assert.InRange(resident["after"], 3, resident["peak"] / 4); // what the page heap keeps of any heap is 4
        Assert.InRange(resident["after"], 0, resident["at-once"] + 1); // the caches shrink nevertheless
    }

    // Size classes alone would come to 2.9.
    [Fact]
    public void SparseSpansOfSizesThatAreNotWantedAnyMoreServeOthers()
    {
        Dictionary<string, double> resident = Run(new Command(s_program.Value, "shifting"));
        Assert.InRange(resident["worst"], 1, 1.6);
    }

    // Kept in the caches they would be 4 MiB.
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void BlocksOfASizeThatComesOnceMakeRoomForOthers(string index) =>
        Assert.InRange(Run(new Command(s_program.Value, "once").With("NATIVEMALLOC_INDEX", index))["resident"], 0, 1);

    // Where the kernel has huge pages, parts of them were released, and those are kept small by mappings of their own. With a shorter delay, so that
    // what was freed has gone before it is wanted again.
    [Fact]
    public void MappingsAreFewInALargeFragmentedHeap()
    {
        Dictionary<string, double> fragmented = Run(new Command(s_program.Value, "fragmented").With("NATIVEMALLOC_RELEASE_DELAY", "50"));
        Assert.InRange(fragmented["resident"], fragmented["live"], fragmented["live"] * 1.2);
        Assert.InRange(fragmented["mappings"], 1, 1000 + fragmented["resident"] / 8);
    }

    // Terabytes, and 280 MiB of structures for them, if what none of the next fits into stayed.
    [Theory]
    [InlineData("mm_cid", "realloc", "3000")]
    [InlineData("mm_cid", "malloc", "3000")]
    [InlineData("thread", "malloc", "3000")]
    public void BlocksThatAreEverLargerLeaveFewAddressesBehind(string index, string way, string largest)
    {
        Command command = TestProgram.Run("outgrown", way, largest).With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_LIMIT", "4G");
        Dictionary<string, double> most = Run(command);
        Assert.InRange(most["addresses"], 3000, 20_000);
        Assert.InRange(most["memory"], 0, 16);
    }

    // 38 MiB, if calloc wrote zeros over zeros.
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void MemoryThatTheKernelHasZeroedIsNotTouchedByCalloc(string index) =>
        Assert.InRange(Run(new Command(s_program.Value, "untouched").With("NATIVEMALLOC_INDEX", index))["resident"], 0, 3);

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("cpu_id")]
    [InlineData("thread")]
    public void LittleProgramTakesLittleMoreThanWithGlibc(string index)
    {
        double ours = double.Parse(TestProgram.Run("little").Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded().Output, CultureInfo.InvariantCulture);
        double glibcs = double.Parse(TestProgram.Run("little").Run().Succeeded().Output, CultureInfo.InvariantCulture);
        Assert.InRange(ours, glibcs, glibcs + 300); // KiB
    }

    [Fact]
    public void HeapOfMixedSizesIsDense()
    {
        Dictionary<string, double> resident = Run(new Command(s_program.Value, "turnover"));
        Assert.InRange(resident["full"], 1, 1.05);
        Assert.InRange(resident["worst"], 1, 1.1);
    }

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void GenerationsOfOtherSizesKeepTheirBytes(string index) =>
        TestProgram.Run("generations", "3").Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("cpu_id")]
    [InlineData("thread")]
    public void ThreadGivesBackWhatAQuietProgramHas(string index)
    {
        Command quiet = TestProgram.Run("quiet").With("NATIVEMALLOC_INDEX", index);
        double without = Enumerable.Range(0, 3).Select(_ => Run(quiet)["after"]).FirstOrDefault(after => after <= 30, 100);
        Assert.InRange(without, 3, 30); // nobody comes along; more, if the last to free left its CPU just before
        Command helped = quiet.With("NATIVEMALLOC_RELEASE_THREAD", "1");
        double most = Math.Min(5, without - 0.5);
        Assert.InRange(Enumerable.Range(0, 3).Select(_ => Run(helped)["after"]).FirstOrDefault(after => after <= most, 100), 0, most); // it may have had no CPU
    }

    [Fact]
    public void ThreadIsInNobodysWay()
    {
        TestProgram.Run("forks", "30", "3").Preloaded().With("NATIVEMALLOC_RELEASE_THREAD", "1").With("NATIVEMALLOC_RELEASE_DELAY", "0").Run().Succeeded();
        // It names itself, which may be after the program's first steps. The C library waits for each thread to take its own signals.
        // The shell reads by itself: when it starts a program, it blocks all signals until that runs.
        const string Script = """
            until grep -q nativemalloc /proc/$$/task/*/comm; do sleep 0.01; done
            for thread in /proc/$$/task/*/status; do
                while read -r name value; do
                    case $name in Name:) thread_name=$value ;; SigBlk:) echo "$thread_name $value" ;; esac
                done < "$thread"
            done
            """;
        string threads = new Command("sh", "-c", Script).Preloaded().With("NATIVEMALLOC_RELEASE_THREAD", "1").Run().Succeeded().Output;
        Assert.Equal(
            ["nativemalloc fffffffc7ffbfeff", "sh 0000000000000000"], // all but 32 to 34, SIGKILL and SIGSTOP
            threads.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order());
    }

    [Theory]
    [InlineData("mm_cid", "48")]
    [InlineData("mm_cid", "112")]
    [InlineData("mm_cid", "3000")]
    [InlineData("mm_cid", "30000")]
    [InlineData("mm_cid", "300000")]
    [InlineData("thread", "5120")]
    public void NothingIsServedAboveTheLimitAndAllBelow(string index, string size) =>
        TestProgram.Run("limited", "hard", size).Preloaded().With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_LIMIT", "64M").Run().Succeeded();

    // By its address space a thread's slab would be 320 KiB.
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void ManyThreadsFitIntoTheLimitByWhatTheyTouch(string index) =>
        TestProgram.Run("crowded", "200").Preloaded().With("NATIVEMALLOC_INDEX", index).With("NATIVEMALLOC_LIMIT", "48M").Run().Succeeded();

    [Fact]
    public void BlockGrowsToTheLimitByMoving() =>
        TestProgram.Run("limited", "moved").Preloaded().With("NATIVEMALLOC_LIMIT", "65536K").Run().Succeeded();

    [Fact]
    public void NothingFreeIsKeptAboveTheSoftLimit()
    {
        TestProgram.Run("limited", "soft").Preloaded().With("NATIVEMALLOC_SOFT_LIMIT", "16M").Run().Succeeded();
        Assert.NotEqual(0, TestProgram.Run("limited", "soft").Preloaded().Run().ExitCode); // or the test would show nothing
    }

    private static Dictionary<string, double> Run(Command command) =>
        command.Preloaded().Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ')).ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture));
}

using System.Globalization;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Memory that is short, in each way that a program can meet it.</summary>
public sealed class HardTimesTests
{
    private const int MiB = 1 << 20;

    public static TheoryData<string> Modes => ["mm_cid", "thread"];

    [Theory]
    [MemberData(nameof(Modes))]
    public void GoesOnAfterAnAddressSpaceLimit(string index) => Endures(index, "space", "64");

    // Strict overcommit counts what RLIMIT_DATA counts: private pages that can be written.
    [Theory]
    [MemberData(nameof(Modes))]
    public void GoesOnAfterALimitOnWhatIsCommitted(string index) => Endures(index, "data", "64");

    [Theory]
    [MemberData(nameof(Modes))]
    public void GoesOnWhereTheKernelRefusesAllMemory(string index) => Endures(index, "refused");

    [Theory]
    [MemberData(nameof(Modes))]
    public void GoesOnWithoutAFreeMapping(string index) => Endures(index, "mappings");

    [Theory]
    [MemberData(nameof(Modes))]
    public void LockedMemoryIsZeroedByHand(string index) => Endures(index, "locked");

    [Theory]
    [MemberData(nameof(Modes))]
    public void ThreadsThatRunOutTogetherGetNineTenthsOfWhatGlibcGives(string index)
    {
        long Served(Command command) => long.Parse(command.Run().Succeeded().Output, CultureInfo.InvariantCulture);
        long glibc = Served(TestProgram.Run("scarce", "threads", "600"));
        long ours = Served(TestProgram.Run("scarce", "threads", "600").Preloaded().With("NATIVEMALLOC_INDEX", index));
        Assert.True(ours * 10 >= glibc * 9, $"{ours} MiB of glibc's {glibc}");
    }

    [MemoryGroupFact]
    public void StaysWithinALimitOnWhatIsTouched()
    {
        using MemoryGroup group = new(200 * MiB);
        group.Run($"LD_PRELOAD={Repository.Library} {TestProgram.Path("scarce")} cycles 120").Succeeded();
    }

    // Each is one of the kernel's mappings, of which a process may have 65,530.
    [Theory]
    [MemberData(nameof(Modes))]
    public void BlocksThatWereMovedLeaveNoMappingsBehind(string index)
    {
        int Mappings(Command command) => int.Parse(command.Run().Succeeded().Output, CultureInfo.InvariantCulture);
        int glibcs = Mappings(TestProgram.Run("regrown", "1000", "2000"));
        Assert.InRange(Mappings(TestProgram.Run("regrown", "1000", "2000").Preloaded().With("NATIVEMALLOC_INDEX", index)), 100, 2 * glibcs);
    }

    // Where a program starts under glibc's malloc, it starts under this one.
    [Theory]
    [InlineData(32, "python3 -c pass")]
    [InlineData(64, "python3 -c pass")]
    [InlineData(64, "sort /etc/passwd")]
    [InlineData(64, "perl -e 1")]
    [InlineData(1024, "git --version")]
    [InlineData(1024, "python3 -c 'x = [bytes(1000000) for i in range(500)]'")]
    [InlineData(1024, "echo 'int main;' | gcc -x c - -S -o /dev/null")]
    public void ProgramsStartInLittleAddressSpace(int mebibytes, string command)
    {
        string limited = $"ulimit -v {mebibytes * 1024}; {command}";
        Command.Shell(limited).Run().Succeeded();
        Command.Shell($"export LD_PRELOAD={Repository.Library}; {limited}").Run().Succeeded();
    }

    // A block of 237 MiB that has to move needs that much beside its 189: addresses that lie free elsewhere must go. How they lie is
    // another matter in each run.
    [Fact]
    public void AGrowingBlockGetsTheAddressesThatLieFree() =>
        Command.Shell($"ulimit -v 524288; for run in $(seq 2); do LD_PRELOAD={Repository.Library} {TestProgram.Path("large")} || exit 1; done")
            .Run().Succeeded();

    // So that neither limits on address space nor core dumps notice.
    [Fact]
    public void ReservesNextToNoAddressSpace()
    {
        long MappedBy(Command command)
        {
            string size = command.Run().Succeeded().Output.Split(':', 'k')[1];
            return long.Parse(size, CultureInfo.InvariantCulture) * 1024;
        }

        long without = MappedBy(new Command("grep", "VmSize", "/proc/self/status"));
        long with = MappedBy(new Command("grep", "VmSize", "/proc/self/status").Preloaded());
        Assert.InRange(with - without, 0, 8 * MiB);
    }

    [Fact]
    public void WritesOffTheHeapsEndsMeetNobodysMemory()
    {
        string output = TestProgram.Run("guarded").Preloaded().Run().Succeeded().Output;
        Assert.Matches("^1 rows\n([1-9]|[1-9][0-9]) rows\n[0-9]+ rows\n$", output);
    }

    private static void Endures(string index, params string[] arguments) =>
        TestProgram.Run("scarce", arguments).Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
}

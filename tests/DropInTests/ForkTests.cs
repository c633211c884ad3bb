using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Forks while other threads hold libc's locks, from and under signal handlers, and within forks.</summary>
public sealed class ForkTests
{
    public static TheoryData<string> Modes => ["mm_cid", "cpu_id", "thread"];

    // glibc takes the locks of streams, pipes, handlers and names after the handlers, musl also those of the loader and of atexit. Who has one
    // may be waiting for memory.
    [Theory]
    [InlineData("streams", "mm_cid")]
    [InlineData("streams", "thread")]
    [InlineData("files", "mm_cid")]
    [InlineData("files", "cpu_id")]
    [InlineData("files", "thread")]
    [InlineData("pipes", "mm_cid")]
    [InlineData("exits", "mm_cid")]
    [InlineData("loader", "mm_cid")]
    public void OtherThreadsMayHoldLocksOfLibc(string what, string index) =>
        Works(index, "underway", what, "150", TestProgram.Library("loaded"));

    [Theory]
    [MemberData(nameof(Modes))]
    public void SignalHandlersMayAllocateAtAnyMoment(string index) => Works(index, "midfork", "allocating", "400");

    [Theory]
    [MemberData(nameof(Modes))]
    public void SignalHandlersOfTheOnlyThreadMayForkAtAnyMoment(string index) => Works(index, "midfork", "forking", "150");

    [Fact]
    public void ChildrenOfSignalHandlersTakeWhatOtherThreadsHadCached() =>
        new Command(TestProgram.Path("orphans", "", "-I" + Repository.Header), "20")
            .Preloaded().With("NATIVEMALLOC_INDEX", "thread").With("NATIVEMALLOC_RELEASE_DELAY", "20").Run().Succeeded();

    // The loader runs only one constructor before all others, the last that asks for it: then the library's handlers are registered before
    // ours, and run when the gate is closed.
    [Theory]
    [InlineData("-Wl,-z,initfirst")]
    [InlineData("-Wl,-z,lazy")]
    public void HandlersMayFork(string flag)
    {
        string library = TestProgram.Path("nested", $"{flag[^4..]}.so", "-shared", "-fPIC", "-DLIBRARY", flag);
        TestProgram.Run("nested").With("LD_PRELOAD", $"{Repository.Library} {library}").Run().Succeeded();
        TestProgram.Run("nested", library).Preloaded().Run().Succeeded();
    }

    private static void Works(string index, string program, params string[] arguments) =>
        TestProgram.Run(program, arguments).Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
}

using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Samples every 4 KiB, and profiles all the time, while all that is hard for a sampler happens at once; for an hour by tests/soak.sh.</summary>
public sealed class ProfileSoakTests
{
    private static readonly string[] s_libraries =
        [.. new[] { "40", "600" }.Select(frame => TestProgram.Path("passing", frame + ".so", "-shared", "-fPIC", "-DFRAME=" + frame))];

    [Theory]
    [InlineData("mm_cid", "free")]
    [InlineData("thread", "free")]
    [InlineData("mm_cid", "filtered")]
    [InlineData("thread", "filtered")]
    public void NothingFallsHangsOrGrows(string index, string filter) => Run(filter, index, Repository.Library);

    // There the linker's list is read, while libraries come and go.
    [Fact]
    public void NorWithWhatGlibcHadBefore235() => Run("free", "mm_cid", $"{Repository.Library} {TestProgram.Library("unknowing")}");

    private static void Run(string filter, string index, string preloaded)
    {
        string program = TestProgram.Path("profilesoak", ".now", "-I" + Repository.Header, "-Wl,-z,now");
        string output = new Command(program, ["3", "4", filter, .. s_libraries]).With("LD_PRELOAD", preloaded)
            .With("NATIVEMALLOC_SAMPLE", "4K").With("NATIVEMALLOC_INDEX", index).Run().Succeeded().Output;
        foreach (string act in (string[])["allocations", "throws", "libraries loaded", "forks", "coroutine switches", "signals", "threads", "profiles", "samples"])
        {
            Assert.Matches($"[1-9][0-9]* {act}", output);
        }
    }
}

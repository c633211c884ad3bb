using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Byte strings as programs of operations on the whole interface, against a model (tests/programs/fuzz.c).</summary>
public sealed class FuzzTests
{
    private static readonly string[] s_corpus = Directory.GetFiles(Path.Combine(Repository.Root, "tests", "fuzz", "corpus"));

    public static TheoryData<string> Modes => ["mm_cid", "cpu_id", "thread"];

    // What the model says of malloc is true of another one too.
    [Fact]
    public void ModelIsThatOfGlibcAsWell() => TestProgram.Run("fuzz", ["glibc", .. s_corpus]).Run().Succeeded();

    [Theory]
    [MemberData(nameof(Modes))]
    public void CorpusPasses(string index) =>
        TestProgram.Run("fuzz", s_corpus).Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();

    [Fact]
    public void CorpusPassesInCheckingMode()
    {
        Outcome outcome = TestProgram.Run("fuzz", s_corpus).Preloaded().With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
        Assert.Equal("", outcome.Error);
    }

    // An input that fails is kept, in a folder that outlives the tests' own.
    [Theory]
    [MemberData(nameof(Modes))]
    public void RandomInputsPass(string index)
    {
        string folder = Path.Combine(Repository.Root, "out", "fuzz");
        Directory.CreateDirectory(folder);
        TestProgram.Run("fuzz", ["--random", "2", Random.Shared.Next().ToString(), .. s_corpus])
            .In(folder).Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
    }
}

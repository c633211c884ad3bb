using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The call stacks that samples are given.</summary>
public sealed class StackTests
{
    // As compilers make most programs: no frame pointers, and symbols bound at the start.
    private static readonly string[] s_flags = ["-O2", "-fomit-frame-pointer", "-Wl,-z,now"];

    private static readonly string s_source = Path.Combine(Repository.Programs, "walked.c");

    private static readonly string[] s_chains = ["chain", "signal", "handstack", "context", "bare", "compiled", "register", "thread", "vfork"];

    public static TheoryData<string> Chains => [.. s_chains];

    [Theory]
    [MemberData(nameof(Chains))]
    public void KnownChainsAreFound(string kind) => new Command(TestProgram.Path("walked", ".omit", s_flags), kind).Preloaded().Run().Succeeded();

    // gcc asks for no sorted table in a static program.
    [Theory]
    [InlineData("-static")]
    [InlineData("-static-pie")]
    [InlineData("-no-pie")]
    public void KnownChainsAreFoundInPrograms(string link)
    {
        string program = Path.Combine(Repository.NewFolder("walked"), "walked");
        new Command("gcc", [.. s_flags, "-fno-builtin", "-pthread", "-I", Path.Combine(Repository.Root, "perf"), link, s_source, Repository.StaticLibrary, "-o", program]).Run().Succeeded();
        foreach (string kind in s_chains)
        {
            new Command(program, kind).Run().Succeeded();
        }
    }

    [Fact]
    public void KnownChainsAreFoundWhileExceptionsAreThrown() =>
        new Command(TestProgram.Path("walked_throw", ".omit", s_flags)).Preloaded().Run().Succeeded();

    // Their functions lie at the same addresses, and have other frames.
    [Fact]
    public void WhatIsLoadedWhereAnotherLibraryWasHasItsOwnTables()
    {
        string[] libraries = [.. new[] { "40", "600" }.Select(frame => TestProgram.Path("visitor", frame + ".so", "-O2", "-shared", "-fPIC", "-DFRAME=" + frame))];
        string output = new Command(TestProgram.Path("walked", ".omit", s_flags), ["loading", .. libraries]).Preloaded().Run().Succeeded().Output;
        Assert.InRange(int.Parse(output.Split(' ')[0]), 100, 400);
    }

    // Nothing but what their tables say tells one from the other.
    [Fact]
    public void LibrariesWithoutBuildIdsHaveTheirOwnTablesToo()
    {
        string[] libraries =
        [
            .. new[] { "200", "600" }.Select(frame => TestProgram.Path("visitor", frame + ".unnamed.so", "-O2", "-shared", "-fPIC", "-Wl,--build-id=none", "-DFRAME=" + frame)),
        ];
        string output = new Command(TestProgram.Path("walked", ".omit", s_flags), ["loading", .. libraries]).Preloaded().Run().Succeeded().Output;
        Assert.InRange(int.Parse(output.Split(' ')[0]), 100, 400);
    }

    // Where a sample's own system call would kill, and where its stack would not fit; stacks in signal handlers, and in a child of vfork.
    [Theory]
    [InlineData("filtered", "kill", "20000")]
    [InlineData("filtered", "short")]
    [InlineData("signals", "altstack")]
    [InlineData("signals", "any", "2")]
    [InlineData("vforks", "20")]
    public void SamplesAreTakenEverywhere(string program, params string[] arguments) =>
        new Command(TestProgram.Path(program, ".now", "-Wl,-z,now"), arguments).Preloaded().With("NATIVEMALLOC_SAMPLE", "4K").Run().Succeeded();

    [Fact]
    public void NoRegistersLeadAstray()
    {
        string output = new Command(TestProgram.Path("walked", ".omit", s_flags), "random", "3").Preloaded().Run().Succeeded().Output;
        Assert.Matches(@"^\d{4,} walks, deepest \d+; [1-9]\d* whole, \d+ deep, [1-9]\d* lost, [1-9]\d* unreadable\n$", output);
    }

    [Fact]
    public void LibrariesMayComeAndGoMeanwhile()
    {
        string library = TestProgram.Path("visitor", "40.so", "-O2", "-shared", "-fPIC", "-DFRAME=40");
        string output = new Command(TestProgram.Path("walked", ".omit", s_flags), "beside", "3", library).Preloaded().Run().Succeeded().Output;
        Assert.Matches(@"^\d{4,} walks\n$", output);
    }

    // At random stops of programs that know nothing of the library; the long form is the script's own default. The script fails for any that differs,
    // but where gdb shows a caller that is no code: these are few.
    [Fact]
    public void StacksAreThoseThatGdbShows()
    {
        string script = Path.Combine(Repository.Root, "tests", "stacks.sh");
        string output = new Command(script, "25", "python3", "git", "threads", "signals").Run().Succeeded().Output;
        Assert.Equal(4, output.Split('\n').Count(line => Regex.IsMatch(line, ": same 2[0-5] of 25,")));
    }
}

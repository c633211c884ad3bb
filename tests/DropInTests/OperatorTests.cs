using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>C++'s operators new and delete: all forms, the new_handler, and std::bad_alloc, with each kind of C++ runtime.</summary>
public sealed class OperatorTests
{
    private const string Replaced = "-DREPLACE";

    private static readonly string[] s_flags = ["-std=c++17", "-Wno-sized-deallocation"];

    /// <summary>g++'s flags for LLVM's C++ library in the place of GNU's.</summary>
    private static readonly string[] s_libcxx =
        ["-nostdinc++", "-isystem", "/usr/include/c++/v1", "-nodefaultlibs", "-lc++", "-lc++abi", "-lm", "-lc", "-lgcc_s", "-lgcc"];

    // Without the library too, which proves the test right.
    [Theory]
    [InlineData("")]
    [InlineData(Replaced)]
    public void HoldWithTheLinkedRuntime(string replaced) => AssertHold(replaced, replaced == "" ? s_flags : [.. s_flags, replaced]);

    [Theory]
    [InlineData("")]
    [InlineData(Replaced)]
    public void HoldWithAnotherRuntime(string replaced) =>
        AssertHold(replaced + ".libc++", replaced == "" ? [.. s_flags, .. s_libcxx] : [.. s_flags, replaced, .. s_libcxx]);

    [Fact]
    public void HoldInALibraryThatBringsTheRuntimeLater()
    {
        string library = TestProgram.Path("operators", ".so", [.. s_flags, "-DLIBRARY", "-shared", "-fPIC"]);
        Command plain = TestProgram.Run("plugin", library, "check_operators");
        Assert.Equal("operators hold\n", plain.Run().Succeeded().Output);
        Assert.Equal("operators hold\n", plain.Preloaded().Run().Succeeded().Output);
    }

    [Theory]
    [InlineData("-pie")]
    [InlineData("-no-pie")]
    [InlineData("-static")]
    [InlineData("-static-pie")]
    public void HoldWithTheArchive(string kind)
    {
        foreach (string[] replaced in (string[][])[[], [Replaced]])
        {
            string program = TestProgram.Path(
                "operators", kind + string.Concat(replaced), [.. s_flags, .. replaced, "-fPIE", kind, Repository.StaticLibrary]);
            Assert.Equal("operators hold\n", new Command(program).Run().Succeeded().Output);
        }
    }

    [Fact]
    public void WithoutARuntimeOneLineSaysWhy()
    {
        string program = TestProgram.Path("operator_in_c", "", Repository.Library, "-Wl,-rpath," + Path.GetDirectoryName(Repository.Library));
        Outcome outcome = new Command(program).Run();
        Assert.True(outcome.Aborted);
        Assert.Equal(
            "nativemalloc: operator new(9223372036854775552): out of memory, and there is no C++ runtime to throw std::bad_alloc\n",
            outcome.Error);
    }

    private static void AssertHold(string variant, string[] flags)
    {
        string program = TestProgram.Path("operators", variant, flags);
        Assert.Equal("operators hold\n", new Command(program).Run().Succeeded().Output);
        Assert.Equal("operators hold\n", new Command(program).Preloaded().Run().Succeeded().Output);
        Command limited = new Command(program).Preloaded().With("NATIVEMALLOC_LIMIT", "64M"); // so that new_handlers are called
        Assert.Equal("operators hold\n", limited.Run().Succeeded().Output);
        Assert.Equal("operators hold\n", limited.With("NATIVEMALLOC_CHECK", "1").Run().Succeeded().Output);
    }
}

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

    // The first operator new that is not this library's is then not the runtime's.
    [Theory]
    [InlineData("")]
    [InlineData("-DWRAPPING")]
    [InlineData("-DWRAPPING", "-fPIC", "-shared")]
    [InlineData("-DLIBRARY", "-fPIC", "-shared")]
    public void ThrowWhoeverElseHasAnOperatorNew(params string[] kind)
    {
        bool isLibrary = kind.Contains("-shared");
        string other = TestProgram.Path("exhausted", string.Concat(kind), [.. s_flags, .. kind]);
        Command program = kind.Contains("-DLIBRARY")
            ? new(TestProgram.Path("exhausted", ".linked", [.. s_flags, "-Wl,--no-as-needed", other]))
            : new(isLibrary ? TestProgram.Path("exhausted", "", s_flags) : other);
        program.With("LD_PRELOAD", isLibrary && kind.Contains("-DWRAPPING") ? $"{other} {Repository.Library}" : Repository.Library);
        Assert.Equal("held\n", program.With("NATIVEMALLOC_LIMIT", "64M").Run().Succeeded().Output);
    }

    // Constructors of the program's come before those of a library that it has linked in; libraries', where glibc lets another be the first.
    [Theory]
    [InlineData("")]
    [InlineData("-pie")]
    [InlineData("-static")]
    [InlineData("-DOF_LIBRARY")]
    public void ReplacementsAreUsedFromTheFirstConstructorOn(string kind)
    {
        string[] library = kind == "-DOF_LIBRARY"
            ? [TestProgram.Path("replaced", ".so", "-DLIBRARY", "-fPIC", "-shared", "-Wl,-z,initfirst")]
            : kind != "" ? [Repository.StaticLibrary] : [];
        Command program = new(TestProgram.Path("replaced", kind, [.. s_flags, "-fPIE", .. kind == "" ? [] : (string[])[kind], .. library]), "early");
        Assert.Equal("held\n", (kind is "" or "-DOF_LIBRARY" ? program.Preloaded() : program).Run().Succeeded().Output);
    }

    [Fact]
    public void ReplacementsReturnNullWithoutTheDynamicLinkersLock()
    {
        string folder = Repository.NewFolder("replaced");
        Command program = new(TestProgram.Path("replaced", "", s_flags), "forked");
        Assert.Equal("held\n", program.Run().Succeeded().Output);
        Assert.Equal("held\n", program.Preloaded().With("NATIVEMALLOC_PROFILE", Path.Combine(folder, "p.folded")).Run().Succeeded().Output);
        Assert.Empty(Directory.GetFiles(folder, "*no_memory*"));
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

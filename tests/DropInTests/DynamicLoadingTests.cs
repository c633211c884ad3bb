using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// What dlopen brings in: libraries that look for names among their own dependencies first, where libc's own malloc is. Blocks go
/// back and forth between them, the program and libc, in all directions.
/// </summary>
public sealed class DynamicLoadingTests
{
    private static readonly string[] s_cxx = ["-std=c++17", "-Wno-sized-deallocation"];

    // Which of both functions of one name the library found is printed, and must be what it is without us.
    [Theory]
    [InlineData("deep")]
    [InlineData("lazy")]
    [InlineData("global")]
    [InlineData("again")]
    [InlineData("handle")]
    [InlineData("libc")]
    [InlineData("namespace")]
    public void BlocksCross(string way)
    {
        string expected = Deepbound(way).Run().Succeeded().Output;
        foreach (string index in (string[])["mm_cid", "cpu_id", "thread"])
        {
            Assert.Equal(expected, Deepbound(way).Preloaded().With("NATIVEMALLOC_INDEX", index).Run().Succeeded().Output);
        }

        Assert.Equal(expected, Deepbound(way).Preloaded().With("NATIVEMALLOC_CHECK", "1").Run().Succeeded().Output);
    }

    // The library then has the program's names before its own.
    [Fact]
    public void WhereLibcsTableCannotBeWrittenTheFlagIsTakenOff()
    {
        Assert.Equal("library\n", Deepbound("refused").Run().Succeeded().Output);
        Assert.Equal("program\n", Deepbound("refused").Preloaded().Run().Succeeded().Output);
    }

    // The library brings the C++ runtime, whose malloc then would be libc's; the program has its own copy.
    [Theory]
    [InlineData("-static-libstdc++")]
    [InlineData("-shared-libgcc")]
    public void ObjectsOfCxxCross(string runtime)
    {
        string program = TestProgram.Path("deepbound_operators", runtime, [.. s_cxx, runtime]);
        string library = TestProgram.Path("deepbound_operators", ".so", [.. s_cxx, "-DLIBRARY", "-shared", "-fPIC"]);
        new Command(program, library).Run().Succeeded();
        new Command(program, library).Preloaded().Run().Succeeded();
        new Command(program, library).Preloaded().With("NATIVEMALLOC_CHECK", "1").Run().Succeeded();
    }

    // By where the call comes from.
    [Theory]
    [InlineData("--enable-new-dtags")]
    [InlineData("--disable-new-dtags")]
    public void LibrariesAreFoundByTheirCallersPath(string tags)
    {
        string folder = Repository.NewFolder("opener");
        string inner = Directory.CreateDirectory(Path.Combine(folder, "inner")).FullName;
        File.Copy(TestProgram.Library("loaded"), Path.Combine(inner, "inner.so"));
        string opener = Path.Combine(folder, "opener.so");
        File.Copy(TestProgram.Path("opener", tags + ".so", "-shared", "-fPIC", "-Wl," + tags + ",-rpath,$ORIGIN/inner"), opener);
        TestProgram.Run("plugin", opener, "open_inner").Run().Succeeded();
        TestProgram.Run("plugin", opener, "open_inner").Preloaded().Run().Succeeded();
    }

    // Ours is one of several, and goes on to the next, which may be another's.
    [Fact]
    public void AnotherDlopenBehindOursIsCalled()
    {
        string wrapper = TestProgram.Library("loads");
        foreach (string order in (string[])[$"{Repository.Library} {wrapper}", $"{wrapper} {Repository.Library}"])
        {
            Assert.Equal("loads\nlibrary\n", Deepbound("deep").With("LD_PRELOAD", order).Run().Succeeded().Output);
        }
    }

    // The second copy's dlopen comes behind the first's, whose malloc is the process's.
    [Theory]
    [InlineData("deep")]
    [InlineData("handle")]
    [InlineData("libc")]
    public void ASecondCopyLeavesLibcsNamesToTheFirst(string way)
    {
        string copy = Path.Combine(Repository.NewFolder("copy"), "libnativemalloc.so");
        File.Copy(Repository.Library, copy);
        string expected = Deepbound(way).Run().Succeeded().Output;
        Assert.Equal(expected, Deepbound(way).With("LD_PRELOAD", $"{copy} {Repository.Library}").Run().Succeeded().Output);
    }

    private static Command Deepbound(string way)
    {
        // Without RELRO, since loading it must not need mprotect.
        string library = TestProgram.Path("deepbound", ".so", "-DLIBRARY", "-shared", "-fPIC", "-Wl,-z,norelro");
        return new Command(TestProgram.Path("deepbound", "", "-rdynamic"), library, way);
    }
}

using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Programs that are linked with the installed library, through pkg-config and through CMake.</summary>
public sealed class InstalledLinkTests
{
    private static readonly string s_sources = Path.Combine(Repository.Root, "tests", "consumer");

    [Theory]
    [InlineData("gcc", "consumer.c", "")]
    [InlineData("gcc", "consumer.c", "-fPIE -pie")]
    [InlineData("gcc", "consumer.c", "-static")]
    [InlineData("gcc", "consumer.c", "-fPIE -static-pie")]
    [InlineData("g++", "consumer.cc", "")]
    [InlineData("g++", "consumer.cc", "-fPIE -pie")]
    [InlineData("g++", "consumer.cc", "-static")]
    [InlineData("g++", "consumer.cc", "-fPIE -static-pie")]
    public void PkgConfigsFlagsMakeAProgramThatUsesIt(string compiler, string source, string kind) =>
        Assert.Equal(Installation.Version + " active\n", Run(Build(compiler, source, kind)).Output);

    // -Wl,--as-needed is what some distributions' compilers do by themselves.
    [Theory]
    [InlineData("-Wl,--as-needed", true)]
    [InlineData("-static", false)]
    public void ProgramThatCallsMallocThroughALibraryUsesItToo(string kind, bool dynamic)
    {
        string program = Build("gcc", "indirect.c", kind);
        string needed = new Command("readelf", "-dW", program).Run().Succeeded().Output;
        Assert.Equal(dynamic, needed.Contains("[libnativemalloc.so.0]"));
        string statistics = program + ".json";
        Run(program, statistics);
        Assert.True(Statistics.Read(statistics).GetProperty("active").GetBoolean());
    }

    [Fact]
    public void CMakesTargetsMakeProgramsThatUseIt()
    {
        string folder = Repository.NewFolder("cmake");
        new Command("cmake", "-S", s_sources, "-B", folder, "-DCMAKE_PREFIX_PATH=" + Installation.Prefix).Run().Succeeded();
        new Command("cmake", "--build", folder).Run().Succeeded();
        foreach (string kind in (string[])["c-dynamic", "c-pie", "c-static", "cc-dynamic", "cc-pie", "cc-static"])
        {
            // No LD_LIBRARY_PATH: CMake sees to the path.
            string program = Path.Combine(folder, kind);
            Assert.Equal((kind, Installation.Version + " active\n"), (kind, new Command(program).Run().Succeeded().Output));
            string dynamic = new Command("readelf", "-dW", program).Run().Succeeded().Output;
            Assert.Equal(kind.EndsWith("dynamic"), dynamic.Contains("[libnativemalloc.so.0]"));
        }

        foreach (string kind in (string[])["indirect", "indirect-static"])
        {
            string program = Path.Combine(folder, kind);
            new Command(program).With("NATIVEMALLOC_STATS", $"json:{program}.json").Run().Succeeded();
            Assert.True(Statistics.Read(program + ".json").GetProperty("active").GetBoolean());
        }
    }

    [Theory]
    [InlineData("0.0", true)]
    [InlineData("0.99", false)]
    [InlineData("0.0.1...0.0.9", false)]
    [InlineData("0.0...0.9", true)]
    [InlineData("1.0", false)]
    public void CMakeRefusesVersionsThatItIsNot(string wanted, bool found)
    {
        string folder = Repository.NewFolder("version");
        File.WriteAllText(
            Path.Combine(folder, "CMakeLists.txt"),
            $"cmake_minimum_required(VERSION 3.13)\nproject(it C)\nfind_package(NativeMalloc {wanted} REQUIRED)\n");
        Outcome outcome = new Command("cmake", "-S", folder, "-B", folder + "/build", "-DCMAKE_PREFIX_PATH=" + Installation.Prefix).Run();
        Assert.True(found == (outcome.ExitCode == 0), outcome.Error);
    }

    [Fact]
    public void ProgramLinkedInOutRunsThere()
    {
        string folder = Repository.NewFolder("out");
        string output = Path.Combine(Repository.Root, "out");
        new Command(
            "gcc", Path.Combine(s_sources, "consumer.c"), "-I" + Path.Combine(Repository.Root, "NativeMalloc", "include"), "-L" + output,
            "-lnativemalloc", "-Wl,-rpath," + output, "-o", folder + "/it").Run().Succeeded();
        Assert.Equal(Installation.Version + " active\n", new Command(folder + "/it").Run().Succeeded().Output);
    }

    private static string Build(string compiler, string source, string kind)
    {
        string program = Path.Combine(Repository.NewFolder("link"), "program");
        string libraries = kind.Contains("static") ? "--static --libs" : "--libs";
        Command.Shell($"{compiler} -Wall -Wextra -Werror {kind} {s_sources}/{source} $(pkg-config --cflags {libraries} nativemalloc) -o {program}")
            .With("PKG_CONFIG_PATH", Path.Combine(Installation.Prefix, "lib", "pkgconfig")).Run().Succeeded();
        return program;
    }

    private static Outcome Run(string program, string? statistics = null) =>
        new Command(program).With("LD_LIBRARY_PATH", Path.Combine(Installation.Prefix, "lib"))
            .With("NATIVEMALLOC_STATS", statistics == null ? "" : "json:" + statistics).Run().Succeeded();
}

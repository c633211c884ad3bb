using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Preloaded, the whole allocation family is ours: a function left to glibc would work on another heap.</summary>
public sealed class InterpositionTests
{
    // Of glibc's headers, and of its manual.
    private static readonly string[] s_public =
    [
        "malloc", "calloc", "realloc", "reallocarray", "free", "cfree", "free_sized", "free_aligned_sized",
        "aligned_alloc", "memalign", "posix_memalign", "valloc", "pvalloc",
        "malloc_usable_size", "malloc_trim", "malloc_stats", "malloc_info", "mallopt", "mallinfo", "mallinfo2",
    ];

    // glibc's second names for them, which some programs and libraries call.
    private static readonly string[] s_internal =
    [
        "__libc_malloc", "__libc_calloc", "__libc_realloc", "__libc_free", "__libc_memalign", "__libc_valloc", "__libc_pvalloc",
        "__posix_memalign",
    ];

    private static string[] All => [.. s_public, .. s_internal];

    public static TheoryData<string> Names => [.. All];

    [Theory]
    [MemberData(nameof(Names))]
    public void NameIsOurs(string name)
    {
        string output = TestProgram.Run("interposed", name).Preloaded().Run().Succeeded().Output;
        Assert.Equal($"{name} {Repository.Library}\n", output);
    }

    // Whatever a program can find in glibc that looks as if it belonged to the family is in one of the lists, but for two that
    // only tell of glibc's heap, or tune it.
    [Fact]
    public void GlibcHasNoOtherNames()
    {
        string libc = TestProgram.Run("interposed", "gnu_get_libc_version").Run().Succeeded().Output.Trim().Split(' ')[1];
        string symbols = new Command("nm", "-D", "--defined-only", libc).Run().Succeeded().Output;
        const string Name =
            "(?:m|c|re|v|pv|aligned_)alloc|c?free|reallocarray|(?:posix_)?memalign|mallinfo2?|mallopt|malloc_\\w+|free_\\w*sized";
        string[] family = Regex.Matches(symbols, $" [TWi] ((?:__libc_|__|)(?:{Name}))@+(?!@|GLIBC_PRIVATE)")
            .Select(match => match.Groups[1].Value).Distinct().ToArray();
        Assert.Contains("malloc_info", family);
        Assert.Contains("__libc_memalign", family);
        Assert.Empty(family.Except(All).Except(["__libc_mallinfo", "__libc_mallopt"]));
    }

    // dlsym on a handle does not begin with the global scope, and finds us all the same: vfork too, whose child must not meet a slab.
    [Fact]
    public void LibcsNamesAreOursByItsHandleToo()
    {
        string[] names = [.. All, "vfork", "__vfork"];
        string libc = TestProgram.Run("interposed", "gnu_get_libc_version").Run().Succeeded().Output.Trim().Split(' ')[1];
        string[] theirs = Objects(TestProgram.Run("interposed", ["-l", "libc.so.6", .. names]));
        string[] ours = Objects(TestProgram.Run("interposed", ["-l", "libc.so.6", .. names]).Preloaded());
        Assert.Contains(libc, theirs);
        Assert.Equal(theirs.Select(file => file == libc ? Repository.Library : file), ours);

        static string[] Objects(Command command) =>
            [.. command.Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[1])];
    }

    // Every call that the dynamic linker binds, libc's own included, goes to us.
    [Fact]
    public void EveryCallIsBoundToUs()
    {
        Command command = TestProgram.Run("interposed", "malloc").Preloaded().With("LD_DEBUG", "bindings").With("LD_BIND_NOW", "1");
        MatchCollection bindings = Regex.Matches(
            command.Run().Succeeded().Error,
            @"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: normal symbol `(\w+)'");
        var family = bindings.Where(binding => All.Contains(binding.Groups[3].Value)).ToArray();
        Assert.Contains(family, binding => binding.Groups[1].Value.Contains("libc.so.6") && binding.Groups[3].Value == "malloc");
        Assert.All(family, binding => Assert.Equal(Repository.Library, binding.Groups[2].Value));
    }
}

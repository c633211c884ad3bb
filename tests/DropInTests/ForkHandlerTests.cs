using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Another library's fork handlers, which allocate, registered before and after the allocator's; many threads fork.</summary>
public sealed class ForkHandlerTests
{
    private static string Handlers => TestProgram.Library("handlers");

    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void PreloadedLibrariesMayHoldTheirLocks(string index)
    {
        foreach (string order in (string[])[$"{Handlers} {Repository.Library}", $"{Repository.Library} {Handlers}"])
        {
            TestProgram.Run("forks", "6", "4").With("LD_PRELOAD", order).With("HANDLERS_THREAD", "1").With("NATIVEMALLOC_INDEX", index)
                .Run().Succeeded();
        }
    }

    // Whose constructor runs before the program's own.
    [Theory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void LibrariesOfAStaticallyLinkedProgramMayHoldTheirLocks(string index)
    {
        string program = Path.Combine(Repository.NewFolder("handlers"), "forks");
        new Command("gcc", "-O1", "-fno-builtin", "-pthread", Path.Combine(Repository.Programs, "forks.c"), Repository.StaticLibrary,
            "-Wl,--no-as-needed", Handlers, "-o", program).Run().Succeeded();
        new Command(program, "6", "4").With("HANDLERS_THREAD", "1").With("NATIVEMALLOC_INDEX", index).Run().Succeeded();
    }
}

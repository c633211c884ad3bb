namespace NativeMalloc.DropInTests;

/// <summary>Where things lie.</summary>
internal static class Repository
{
    /// <summary>The repository's folder: the first above the test's own that holds build.sh.</summary>
    internal static string Root { get; } = FindRoot();

    internal static string Library { get; } = Path.Combine(Root, "out", "libnativemalloc.so");

    internal static string StaticLibrary { get; } = Path.Combine(Root, "out", "libnativemalloc.a");

    /// <summary>The folder of nativemalloc.h.</summary>
    internal static string Header { get; } = Path.Combine(Root, "NativeMalloc", "include");

    internal static string Programs { get; } = Path.Combine(Root, "tests", "programs");

    /// <summary>A new, empty folder below out/, for one test.</summary>
    internal static string NewFolder(string name)
    {
        string folder = Path.Combine(Root, "out", "tests", name + "." + Guid.NewGuid().ToString("N")[..8]);
        Directory.CreateDirectory(folder);
        return folder;
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder != null && !File.Exists(Path.Combine(folder, "build.sh")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("the tests run from a folder of the repository, which has build.sh");
    }
}

namespace NativeMalloc.DropInTests;

/// <summary>What make install makes, in a folder of its own, when a test first wants it.</summary>
internal static class Installation
{
    private static readonly Lazy<string> s_prefix = new(Install);

    /// <summary>The folder that was given as PREFIX.</summary>
    internal static string Prefix => s_prefix.Value;

    /// <summary>The command nativemalloc.</summary>
    internal static string Program => Path.Combine(Prefix, "bin", "nativemalloc");

    /// <summary>What the header says that the version is.</summary>
    internal static string Version { get; } =
        new Command(Path.Combine(Repository.Root, "packaging", "version.sh")).Run().Succeeded().Output.Trim();

    /// <summary>Runs make in the repository.</summary>
    internal static Outcome Make(params string[] arguments) =>
        new Command("make", ["-C", Repository.Root, "--no-print-directory", .. arguments]).With("MAKEFLAGS", "").Run().Succeeded();

    /// <summary>The files and links below a folder, with their paths from there.</summary>
    internal static string[] Files(string folder) =>
        [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal)];

    private static string Install()
    {
        string prefix = Path.Combine(Repository.NewFolder("installed"), "prefix");
        Make("install", "PREFIX=" + prefix);
        return prefix;
    }
}

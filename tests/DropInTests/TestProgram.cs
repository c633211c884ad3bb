using System.Collections.Concurrent;

namespace NativeMalloc.DropInTests;

/// <summary>The C programs of tests/programs, compiled when a test first wants them.</summary>
internal static class TestProgram
{
    private static readonly ConcurrentDictionary<string, Lazy<string>> s_built = new();

    /// <summary>The path of the compiled program.</summary>
    internal static string Path(string name) => s_built.GetOrAdd(name, _ => new Lazy<string>(() => Build(name))).Value;

    internal static Command Run(string name, params string[] arguments) => new(Path(name), arguments);

    private static string Build(string name)
    {
        string folder = System.IO.Path.Combine(Repository.Root, "out", "tests", "programs");
        Directory.CreateDirectory(folder);
        string program = System.IO.Path.Combine(folder, name);
        new Command(
            "gcc", "-O1", "-g", "-fno-builtin", "-Wall", "-Wextra", "-pthread",
            System.IO.Path.Combine(Repository.Programs, name + ".c"), "-o", program).Run().Succeeded();
        return program;
    }
}

using System.Collections.Concurrent;

namespace NativeMalloc.DropInTests;

/// <summary>The C and C++ programs of tests/programs, compiled when a test first wants them.</summary>
internal static class TestProgram
{
    private static readonly ConcurrentDictionary<string, Lazy<string>> s_built = new();

    /// <summary>The path of the compiled program.</summary>
    internal static string Path(string name) => Path(name, "", []);

    /// <summary>The path of a variant of the program, compiled with flags of its own.</summary>
    internal static string Path(string name, string variant, params string[] flags) =>
        s_built.GetOrAdd(name + variant, _ => new Lazy<string>(() => Build(name, variant, flags))).Value;

    /// <summary>The path of a program compiled as a shared library.</summary>
    internal static string Library(string name) => Path(name, ".so", "-shared", "-fPIC");

    internal static Command Run(string name, params string[] arguments) => new(Path(name), arguments);

    private static string Build(string name, string variant, string[] flags)
    {
        string folder = System.IO.Path.Combine(Repository.Root, "out", "tests", "programs");
        Directory.CreateDirectory(folder);
        string program = System.IO.Path.Combine(folder, name + variant);
        string source = System.IO.Path.Combine(Repository.Programs, name + ".c");
        bool isC = File.Exists(source);
        new Command(isC ? "gcc" : "g++", ["-O1", "-g", "-fno-builtin", "-Wall", "-Wextra", "-pthread", "-I", System.IO.Path.Combine(Repository.Root, "perf"), isC ? source : source + "pp", .. flags, "-o", program]).Run().Succeeded();
        return program;
    }
}

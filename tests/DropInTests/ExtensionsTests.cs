using System.Text.Json;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>nativemalloc.h: each function, and programs that do without the library.</summary>
public sealed class ExtensionsTests
{

    [Fact]
    public void EveryFunctionKeepsItsPromises()
    {
        Outcome outcome = Extensions().With("NATIVEMALLOC_INDEX", "cpu_id").With("NATIVEMALLOC_STATS", "json:/dev/null")
            .Run().Succeeded();
        JsonElement json = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.Equal(Installation.Version, json.Text("version"));
        Assert.Equal("cpu_id", json.Text("index"));
    }

    [Theory]
    [InlineData("NATIVEMALLOC_INDEX=thread", "0")]
    [InlineData("NATIVEMALLOC_INDEX=cpu_id", "1")]
    [InlineData("NATIVEMALLOC_CHECK=1", "2")]
    public void StatisticsSayWhichFrontEndThereIs(string setting, string frontEnd) =>
        Extensions(frontEnd).With(setting.Split('=')[0], setting.Split('=')[1]).Run().Succeeded();

    [Fact]
    public void ProgramCanAskWhetherTheLibraryIsThere()
    {
        string program = TestProgram.Path("optional", "", "-I" + Repository.Header);
        Assert.Equal("absent\n", new Command(program).Run().Succeeded().Output);
        Assert.Equal(Installation.Version + "\n", new Command(program).Preloaded().Run().Succeeded().Output);
    }

    [Theory]
    [InlineData("c", "c99")]
    [InlineData("c", "c17")]
    [InlineData("c++", "c++98")]
    [InlineData("c++", "c++20")]
    public void HeaderIsPlainInEveryLanguage(string language, string standard)
    {
        string source = Path.Combine(Repository.NewFolder("header"), "it." + language);
        File.WriteAllText(source, "#include <nativemalloc.h>\nint main(void) { return nativemalloc_version() == 0; }\n");
        new Command("gcc", "-x", language, "-std=" + standard, "-pedantic", "-Wall", "-Wextra", "-Werror", "-I" + Repository.Header, "-c", source, "-o", source + ".o")
            .Run().Succeeded();
        Assert.Contains("U nativemalloc_version\n", new Command("nm", source + ".o").Run().Succeeded().Output); // not a C++ name
    }

    [Fact]
    public void HeaderDeclaresWhatTheLibraryExports()
    {
        string[] exported = File.ReadAllLines(Path.Combine(Repository.Root, "Shim", "exports.txt")).Where(name => name.StartsWith("nativemalloc_")).ToArray();
        string header = File.ReadAllText(Path.Combine(Repository.Header, "nativemalloc.h"));
        Assert.NotEmpty(exported);
        Assert.Equal(exported.Length, header.Split("\nNATIVEMALLOC_FUNCTION ").Length - 1);
        Assert.All(exported, name => Assert.Matches($@"(?m)^NATIVEMALLOC_FUNCTION .*\b{name}\(", header));
    }

    private static Command Extensions(params string[] arguments) =>
        new(TestProgram.Path("extensions", "", "-I" + Repository.Header, Repository.StaticLibrary), arguments);
}

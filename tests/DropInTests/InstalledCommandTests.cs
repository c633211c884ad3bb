using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The command nativemalloc.</summary>
public sealed class InstalledCommandTests
{
    private static string Library => Path.Combine(Installation.Prefix, "lib", "libnativemalloc.so.0");

    private static Command Nativemalloc(params string[] arguments) => new(Installation.Program, arguments);

    [Fact]
    public void PutsTheLibraryBeforeWhatLdPreloadHeld()
    {
        Assert.Equal(Library + "\n", Nativemalloc("sh", "-c", "echo $LD_PRELOAD").Run().Succeeded().Output);
        string other = TestProgram.Library("loaded");
        Outcome outcome = Nativemalloc("sh", "-c", "echo $LD_PRELOAD").With("LD_PRELOAD", other).Run().Succeeded();
        Assert.Equal($"{Library}:{other}\n", outcome.Output);
    }

    [Theory]
    [InlineData("index=thread", "NATIVEMALLOC_INDEX=thread")]
    [InlineData("INDEX=thread", "NATIVEMALLOC_INDEX=thread")]
    [InlineData("NATIVEMALLOC_INDEX=thread", "NATIVEMALLOC_INDEX=thread")]
    [InlineData("stats=json:/dev/null", "NATIVEMALLOC_STATS=json:/dev/null")]
    [InlineData("an-option-of-2030=a=b c", "NATIVEMALLOC_AN_OPTION_OF_2030=a=b c")]
    [InlineData("index=", "NATIVEMALLOC_INDEX=")]
    public void OptionsBecomeVariables(string option, string variable)
    {
        Assert.Contains(variable, Nativemalloc("--option", option, "env").Run().Succeeded().Output.Split('\n'));
        Assert.Contains(variable, Nativemalloc("--option=" + option, "--", "env").Run().Succeeded().Output.Split('\n'));
    }

    [Fact]
    public void HeapmapDrawsEachHugePage()
    {
        string file = Path.Combine(Repository.NewFolder("heapmap"), "shifting.json");
        Nativemalloc("--stats=json:" + file, ReleaseTests.Program, "shifting").Run().Succeeded();
        JsonElement statistics = Statistics.Read(file);
        long[] pages = [.. statistics.GetProperty("huge_pages").EnumerateArray().SelectMany(row => row.GetProperty("used_released").EnumerateArray()).Select(one => one.GetInt64())];
        long used = pages.Where((_, i) => i % 2 == 0).Sum(), released = pages.Where((_, i) => i % 2 == 1).Sum();
        JsonElement bytes = statistics.GetProperty("bytes");
        Assert.Equal(bytes.Number("released") - bytes.Number("released_in_spans"), released * 8192);
        Assert.Equal(bytes.Number("mapped") - bytes.Number("metadata"), pages.Length / 2 * (2L << 20));
        Assert.InRange(used, 1, pages.Length / 2 * 256 - released);

        XDocument picture = XDocument.Parse(Nativemalloc("heapmap", file, "--svg").Run().Succeeded().Output);
        XNamespace svg = "http://www.w3.org/2000/svg";
        Assert.Equal(pages.Length / 2, picture.Root!.Elements(svg + "g").Count());
        Assert.Contains(picture.Root.Elements(svg + "text"), text => text.Value.StartsWith(FormattableString.Invariant($"released {released / 128.0:F1} MiB ")));

        Outcome outcome = Nativemalloc("heapmap", "/etc/passwd").Run();
        Assert.Equal((1, "nativemalloc: heapmap: /etc/passwd: not the JSON that --stats=json: writes when a process ends\n"), (outcome.ExitCode, outcome.Error));
    }

    [Fact]
    public void ShortOptionsDoTheSame()
    {
        Assert.Contains("in use by the program", Nativemalloc("--stats", "true").Run().Succeeded().Error);
        Assert.Matches(@"^nativemalloc \S+ \(pid \d+\): front end .*\n$", Nativemalloc("--verbose", "true").Run().Succeeded().Error);
        string file = Path.Combine(Repository.NewFolder("command"), "a b.json");
        Outcome outcome = Nativemalloc("--option", "index=thread", "--stats=json:" + file, "true").Run().Succeeded();
        Assert.Equal("", outcome.Output + outcome.Error);
        Assert.Equal("thread", Statistics.Read(file).Text("index"));
        Assert.True(Statistics.Read(file).GetProperty("active").GetBoolean());
    }

    [Fact]
    public void RunTakesTheNextForAProgram()
    {
        string folder = Repository.NewFolder("command");
        string program = Path.Combine(folder, "ps");
        File.WriteAllText(program, "#!/bin/sh\necho [$LD_PRELOAD] [$NATIVEMALLOC_VERBOSE] $@\n");
        new Command("chmod", "755", program).Run().Succeeded();
        string path = folder + ":" + Environment.GetEnvironmentVariable("PATH");
        foreach (string[] words in new string[][] { ["run", "ps", "run"], ["--", "ps", "run"] })
        {
            Assert.Equal($"[{Library}] [] run\n", Nativemalloc(words).With("PATH", path).Run().Succeeded().Output);
        }

        Assert.EndsWith("] [1] stats\n", Nativemalloc("run", "--verbose", "ps", "stats").With("PATH", path).Run().Succeeded().Output);
        Assert.Equal((2, "nativemalloc: no program is named; see nativemalloc --help\n"), (Nativemalloc("run").Run().ExitCode, Nativemalloc("run").Run().Error));
    }

    [Fact]
    public void SaysWhatItIs()
    {
        Assert.Equal($"nativemalloc {Installation.Version}\n", Nativemalloc("--version").Run().Succeeded().Output);
        Assert.StartsWith("usage: nativemalloc [run] [OPTION]... PROGRAM [ARGUMENT]...\n", Nativemalloc("--help").Run().Succeeded().Output);
    }

    [Fact]
    public void ArgumentsAndExitCodeAreTheProgramsOwn()
    {
        Assert.Equal("[--stats][a b][][*]", Nativemalloc("printf", "[%s]", "--stats", "a b", "", "*").Run().Succeeded().Output);
        Assert.Equal(7, Nativemalloc("sh", "-c", "exit 7").Run().ExitCode);
    }

    [Fact]
    public void ProgramTakesThePlaceOfTheCommand()
    {
        string[] numbers = Command.Shell($"{Installation.Program} sh -c 'echo $$' & echo $!; wait").Run().Succeeded().Output.Trim().Split('\n');
        Assert.Equal(numbers[0], numbers[1]);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(2, "--stats")]
    [InlineData(2, "--stats=xml", "true")]
    [InlineData(2, "--stats=json:", "true")]
    [InlineData(2, "--statistics", "true")]
    [InlineData(2, "-v", "true")]
    [InlineData(2, "--option")]
    [InlineData(2, "--option", "index", "true")]
    [InlineData(2, "--option", "=thread", "true")]
    [InlineData(2, "--option=in.dex=thread", "true")]
    [InlineData(126, "/etc/passwd")]
    [InlineData(126, "/etc")]
    [InlineData(127, "no-such-program")]
    [InlineData(127, "help")]
    [InlineData(127, "cd", "/")]
    [InlineData(127, "/no/such/program")]
    public void MistakesAreNamedInOneLine(int exitCode, params string[] arguments)
    {
        Outcome outcome = Nativemalloc(arguments).Run();
        Assert.Equal((exitCode, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith("nativemalloc: ", outcome.Error);
        Assert.Single(Regex.Matches(outcome.Error, "\n"));
    }

    [Fact]
    public void LinkToTheCommandFindsTheLibrary()
    {
        string link = Path.Combine(Repository.NewFolder("command"), "it");
        File.CreateSymbolicLink(link, Installation.Program);
        Assert.Equal(Library + "\n", new Command(link, "sh", "-c", "echo $LD_PRELOAD").Run().Succeeded().Output);
    }

    [Fact]
    public void LibraryThatCannotBePreloadedIsToldOf()
    {
        string folder = Repository.NewFolder("command");
        File.Copy(Installation.Program, Path.Combine(folder, "nativemalloc"));
        Outcome missing = new Command(Path.Combine(folder, "nativemalloc"), "true").Run();
        Assert.Equal(125, missing.ExitCode);
        Assert.Matches(@"^nativemalloc: the library is not where it was installed: .*\n$", missing.Error);
        Outcome inspecting = new Command(Path.Combine(folder, "nativemalloc"), "profile", "1").Run();
        Assert.Equal(125, inspecting.ExitCode);
        Assert.Matches(@"^nativemalloc: what looks into processes is not where it was installed: .*\n$", inspecting.Error);

        new Command("cp", "-a", Installation.Prefix, Path.Combine(folder, "a b")).Run().Succeeded();
        Outcome spaced = new Command(Path.Combine(folder, "a b", "bin", "nativemalloc"), "true").Run();
        Assert.Equal(125, spaced.ExitCode);
        Assert.Matches(@"^nativemalloc: LD_PRELOAD takes no path with a space or a colon: .*\n$", spaced.Error);
    }
}

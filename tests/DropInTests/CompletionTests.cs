using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What bash and zsh complete nativemalloc's command lines with, and the help and the manual, which name the same.</summary>
public sealed class CompletionTests
{
    private static string Nativemalloc(params string[] arguments) => new Command(Installation.Program, arguments).Run().Succeeded().Output;

    private static string[] Candidates(params string[] words) =>
        [.. Nativemalloc(["--complete", .. words]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')[0])];

    private static string[] Subcommands => [.. Candidates("").Where(word => word[0] != ':' && word != "run")];

    private static IEnumerable<string> OptionsIn(string help) => Regex.Matches(help, @"--[a-z]+").Select(match => match.Value).Distinct();

    [Fact]
    public void AllThatTheHelpNamesIsCompleted()
    {
        string help = Nativemalloc("--help");
        Assert.Equal(Regex.Matches(help, @"(?m)^  ([a-z]+) ").Select(match => match.Groups[1].Value), Subcommands);
        Assert.Equal(OptionsIn(help).Order(), Candidates("-").Where(word => Regex.IsMatch(word, "^--[a-z]+$")).Order());
        foreach (string subcommand in Subcommands)
        {
            string[] options = [.. OptionsIn(Nativemalloc(subcommand, "--help"))];
            Assert.Equal(options.Order(), Candidates(subcommand, "-").Order());
        }

        // Those variables that the manual has.
        string manual = File.ReadAllText(Path.Combine(Repository.Root, "packaging", "nativemalloc.1"));
        string[] variables = [.. Regex.Matches(manual, @"(?m)^\.B NATIVEMALLOC_([A-Z_]+)$").Select(match => match.Groups[1].Value.ToLowerInvariant().Replace('_', '-') + "=").Distinct()];
        Assert.InRange(variables.Length, 10, 100);
        Assert.Equal(variables.Order(), Candidates("--option", "").Order());
    }

    [Fact]
    public void HelpFitsAScreen()
    {
        foreach (string[] arguments in Subcommands.Select(subcommand => new[] { subcommand, "--help" }).Append(["--help"]))
        {
            string[] lines = Nativemalloc(arguments).TrimEnd('\n').Split('\n');
            Assert.True(lines.Length < 24 && lines.All(line => line.Length < 80), $"{string.Join(' ', arguments)}:\n{string.Join('\n', lines)}");
        }
    }

    [Fact]
    public void ManualNamesEachSubcommandAndItsOptions()
    {
        string manual = File.ReadAllText(Path.Combine(Repository.Root, "packaging", "nativemalloc.1")).Replace("\\-", "-");
        foreach (string subcommand in Subcommands)
        {
            Assert.Matches($@"(?m)^\.B ""?nativemalloc {subcommand}\b", manual);
            Assert.Matches($@"(?m)^\.BR? {subcommand}\b", manual);
            Assert.All(Candidates(subcommand, "-"), option => Assert.Contains(option, manual));
        }
    }

    [Fact]
    public void ValuesProcessesAndFilesAreCompleted()
    {
        using RunningProgram program = TestProgram.Run("served").Preloaded().Start().Ready();
        using RunningProgram other = TestProgram.Run("served").Start().Ready();
        string number = program.Number.ToString();
        Assert.Contains(number, Candidates("top", ""));
        Assert.DoesNotContain(other.Number.ToString(), Candidates("top", ""));
        Assert.DoesNotContain(":files", Candidates("top", ""));
        Assert.Contains(":files", Candidates("stats", ""));
        Assert.Empty(Candidates("top", number, ""));
        Assert.Equal(["folded", "heap", "pprof", "text"], Candidates("profile", number, "--format", ""));
        Assert.Equal(["in-use"], Candidates("profile", number, "--value", "i"));
        Assert.Equal(["openmetrics", "prometheus"], Candidates("metrics", "--format", ""));
        Assert.Equal([":files"], Candidates("profile", "-o", ""));
        Assert.Equal(["--seconds"], Candidates("doctor", number, "--s"));
        Assert.Empty(Candidates("doctor", number, "--seconds", ""));
        Assert.Equal([":program 1"], Candidates("ls", ""));
        Assert.Equal([":program 2"], Candidates("run", "top", "-"));
        Assert.Equal([":program 4"], Candidates("--stats", "--option", "index=thread", "pyth"));
        Assert.Equal([":program 2"], Candidates("--", "t"));
        Assert.Equal(["--value=in-use"], Candidates("profile", number, "--value=i"));
    }

    // What is typed, and what the line then is.
    [Theory]
    [InlineData(@"nativemalloc heapm\t", "nativemalloc heapmap ")]
    [InlineData(@"nativemalloc profile 1 --form\tfol\t", "nativemalloc profile 1 --format folded ")]
    [InlineData(@"nativemalloc --option soft\t", "nativemalloc --option soft-limit=")]
    [InlineData(@"nativemalloc stats a-report\t", "nativemalloc stats a-report.json ")]
    [InlineData(@"nativemalloc a-prog\t", "nativemalloc a-program-here ")]
    [InlineData(@"nativemalloc --option index=thread --stats=json:/x a-prog\t", "nativemalloc --option index=thread --stats=json:/x a-program-here ")]
    [InlineData(@"nativemalloc --option=soft\t", "nativemalloc --option=soft-limit=")]
    [InlineData(@"nativemalloc profile --value=p\t", "nativemalloc profile --value=peak ")]
    [InlineData(@"nativemalloc profile --output=a-rep\t", "nativemalloc profile --output=a-report.json ")]
    public void ShellsCompleteLines(string typed, string expected)
    {
        string folder = Repository.NewFolder("shells");
        File.WriteAllText(Path.Combine(folder, "a-report.json"), "");
        File.CreateSymbolicLink(Path.Combine(folder, "a-program-here"), "/bin/true");
        string data = Path.Combine(Installation.Prefix, "share");
        (string[] Shell, string Begin)[] shells =
        [
            (["bash", "--noprofile", "--norc", "-i"], $"PS1='% '; bind 'set enable-bracketed-paste off'; . {data}/bash-completion/completions/nativemalloc; clear"),
            (["zsh", "-f", "-i"], $"PS1='%% '; fpath=({data}/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D; clear"),
        ];
        foreach ((string[] shell, string begin) in shells)
        {
            string path = $"{Path.GetDirectoryName(Installation.Program)}:{folder}:{Environment.GetEnvironmentVariable("PATH")}";
            using TerminalProgram terminal = new(TerminalProgram.In(200, 24, shell).In(folder).With("PATH", path).With("HOME", folder));
            terminal.Strike(begin + @"\r");
            terminal.Await("^%$(?!.*clear)");
            terminal.Strike(typed + "x"); // shells take a space back before some others
            terminal.Await($"^% {Regex.Escape(expected)}x$");
            terminal.Strike(@"\x15exit\r");
            terminal.End();
        }
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>nativemalloc top, in a terminal and without one.</summary>
public sealed class TopTests
{
    private const string Footer = "^q quit  s order: ";

    private static RunningProgram AtRest() => TestProgram.Run("seen", Path.Combine(Repository.NewFolder("seen"), "own.json")).Preloaded().Start().Ready();

    private static Command Top(RunningProgram program, params string[] options) => Top(80, 24, program, options);

    private static Command Top(int width, int height, RunningProgram program, params string[] options) =>
        TerminalProgram.In(width, height, [Installation.Program, "top", program.Number.ToString(), .. options]);

    private static JsonElement StatisticsOf(RunningProgram program) =>
        JsonDocument.Parse(new Command(Installation.Program, "stats", program.Number.ToString(), "--json").Run().Succeeded().Output).RootElement;

    // As the command writes numbers of bytes.
    private static string Size(double bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB"];
        int unit = 0;
        for (; bytes >= 1024; unit++)
        {
            bytes /= 1024;
        }

        return bytes.ToString(unit == 0 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + units[unit];
    }

    [Fact]
    public void ScreenShowsWhatIsThere()
    {
        using RunningProgram program = AtRest();
        using TerminalProgram top = new(Top(program));
        string[] screen = top.Await(Footer + "change");
        JsonElement all = StatisticsOf(program), bytes = all.GetProperty("bytes");
        Assert.Matches($@"^process {program.Number} \(seen\), per-(cpu|thread) +every 1 s$", screen[0]);
        string TierOf(string name) => Regex.Match(screen.Single(line => Regex.IsMatch(line, $"^(  )?({name}) ")), $@"^(?:  )?(?:{name}) +(\d+(?:\.\d)? [KMG]?i?B)").Groups[1].Value;
        Assert.Equal(Size(bytes.Number("in_use")), TierOf("in use"));
        Assert.Equal(Size(bytes.Number("in_use_large")), TierOf("large blocks"));
        Assert.Equal(Size(bytes.Number("front_end")), TierOf("CPUs' slabs|threads' slabs"));
        Assert.Equal(Size(bytes.Number("transfer")), TierOf("transfer caches"));
        Assert.Equal(Size(bytes.Number("central") + bytes.Number("span_tails")), TierOf("free in spans"));
        Assert.Equal(Size(bytes.Number("page_heap_free")), TierOf("free pages"));
        Assert.Equal(Size(bytes.Number("released")), TierOf("released"));
        Assert.Equal(Size(bytes.Number("metadata_touched")), TierOf("own structures"));
        Assert.Contains("now", screen[9]);
        Assert.Contains(screen, line => line.Contains('█'));

        // By what is in use, the rows are those with most of it.
        top.Strike("s");
        screen = top.Await(Footer + "in use");
        (string Size, long Live, double Bytes)[] expected = [.. all.GetProperty("classes").EnumerateArray().Select(one => (one.Number("size").ToString(), one.Number("live"), (double)one.Number("live") * one.Number("size")))
            .Append(("large", -1, bytes.Number("in_use_large"))).OrderByDescending(one => one.Item3)];
        int first = Array.FindIndex(screen, line => line.StartsWith("    SIZE ")) + 1;
        Assert.InRange(first, 1, 14);
        for (int i = 0; first + i < screen.Length - 1; i++)
        {
            string objects = expected[i].Live < 0 ? "" : $@"{expected[i].Live} +";
            Assert.Matches($"^ *{expected[i].Size} +{Regex.Escape(Size(expected[i].Bytes))} +{objects}", screen[first + i]);
        }

        top.Strike("q");
        Assert.Equal("0 as before", top.End());
        Assert.Equal(0, program.End());
    }

    [Fact]
    public void KeysAndSizesChangeTheScreen()
    {
        using RunningProgram program = AtRest();
        using TerminalProgram top = new(Top(program));
        top.Await(Footer);
        top.Strike("+");
        top.Await("every 2 s$");
        top.Strike("---");
        top.Await(@"every 0\.2 s$");
        top.Strike("p");
        top.Await("p go on .*$");
        Assert.EndsWith(" paused", top.Await("paused$")[0]);
        top.Strike("p");
        top.Await(@"every 0\.2 s$");
        top.Strike("?");
        string[] help = top.Await("^any key: back$");
        Assert.DoesNotContain(help.Skip(1), line => line.Length > 79);
        Assert.Contains(help, line => line.StartsWith("  ?, h "));
        top.Strike(" ");
        top.Await(Footer);

        // By size, the first row is another after a step down (an arrow, as terminals send it), and the same after one up.
        top.Strike("ssss");
        string before = top.Await(Footer + "size").First(line => Regex.IsMatch(line, "^ +16 "));
        top.Strike(@"\x1b[B");
        string[] moved = top.Await(@"PAST/s\n +32 ");
        Assert.DoesNotContain(before, moved);
        top.Strike("k");
        top.Await(@"PAST/s\n +16 ");

        foreach ((int width, int height) in new[] { (132, 50), (40, 12), (80, 5), (20, 2), (80, 24) })
        {
            top.SetSize(width, height);
            string[] screen = top.Await(@"(?s)\Aprocess .*^q quit[^\n]*\Z");
            Assert.Equal(height, screen.Length);
            Assert.Equal(height > 13, screen.Any(line => line.StartsWith("    SIZE ")));
            Assert.Equal(width > 60, screen.Any(line => line.Contains("up to ")));
        }

        top.Strike("q");
        Assert.Equal("0 as before", top.End());
    }

    [Fact]
    public void GrowthIsShownWithItsRate()
    {
        using RunningProgram program = TestProgram.Run("ailing", "leak").Preloaded().Start().Ready();
        using TerminalProgram top = new(Top(program, "--interval", "0.1"));
        string[] screen = top.Await(@"PAST/s\n +112 .* \+\d+\.\d [KM]iB/s");
        double RateIn(string line) => Regex.Match(line, @"([\d.]+) ([KM]iB|B)/s") is { Success: true } match
            ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * (match.Groups[2].Value switch { "MiB" => 1 << 20, "KiB" => 1024, _ => 1 }) : double.NaN;
        double grown = RateIn(screen.Single(line => line.StartsWith("in use ")));
        Assert.InRange(grown, 1000, 1e9);
        Assert.InRange(RateIn(screen.Single(line => Regex.IsMatch(line, "^ +112 "))) / grown, 0.8, 1.2);

        // 100 bytes are asked for where 112 are given. What the thread asked for since its last look at the clock may be missing at either end.
        screen = top.Await(@"^asked for +\d+\.\d [KM]iB/s");
        Assert.InRange(RateIn(screen.Single(line => line.StartsWith("asked for "))) / grown, 0.5, 1.6);
        top.Strike("q");
        Assert.Equal("0 as before", top.End());
    }

    [Theory]
    [InlineData(@"\x03", 0, "0 as before")]
    [InlineData("", 15, "143 as before")]
    [InlineData("", 1, "129 as before")]
    public void TerminalIsRestoredOnEachWayOut(string keys, int signal, string expected)
    {
        using RunningProgram program = AtRest();
        using TerminalProgram top = new(Top(program));
        top.Await(Footer);
        if (signal != 0)
        {
            top.Signal(signal);
        }
        else
        {
            top.Strike(keys);
        }

        Assert.Equal(expected, top.End());
    }

    [Fact]
    public void StopsAndGoesOn()
    {
        using RunningProgram program = AtRest();
        using TerminalProgram top = new(Top(program));
        top.Await(Footer);
        for (int i = 0; i < 2; i++)
        {
            top.Strike(@"\x1a");
            Assert.Equal("-19 as before", top.Stopped());
            top.Signal(18);
            top.Strike("s");
            top.Await(Footer + (i == 0 ? "in use" : "free"));
        }

        top.Strike("q");
        Assert.Equal("0 as before", top.End());
    }

    [Fact]
    public void EndsWithTheProcessAndSaysSo()
    {
        using RunningProgram program = AtRest();
        using TerminalProgram top = new(Top(program, "--interval", "0.1"));
        top.Await(Footer);
        Assert.Equal(0, program.End());
        top.Await($@"^nativemalloc: top: process {program.Number} \(seen\) has ended$");
        Assert.Equal("1 as before", top.End());
    }

    [Fact]
    public void ForksAndNewProgramsAreToldOf()
    {
        const string Script = "echo ready; read x; (read y) & echo; read x; sleep 100 & echo; read x; kill %2; exec sleep 100";
        using RunningProgram program = new Command("bash", "-c", Script.Replace("(read y)", "(sleep 1000; :)")).Preloaded().Start().Ready();
        using TerminalProgram top = new(Top(program, "--interval", "0.1"));
        top.Await(Footer);
        program.Say("");
        top.Await(@"^it forked process \d+ \(bash\), which has a copy of its heap$");
        program.Say("");
        top.Await(@"^it forked process \d+ \(sleep\), which runs another program$");
        program.Say("");
        top.Await($@"^nativemalloc: top: process {program.Number} \(bash\) runs another program by now: sleep$");
        Assert.Equal("1 as before", top.End());
    }

    [Fact]
    public void PlainTerminalsWillDo()
    {
        using RunningProgram program = AtRest();
        using TerminalProgram top = new(Top(program).With("LC_ALL", "C").With("NO_COLOR", "1"));
        string[] screen = top.Await(Footer);
        Assert.All(screen, line => Assert.DoesNotContain(line, character => character is < ' ' or > '~'));
        Assert.Contains(screen, line => line.EndsWith('#'));
        top.Strike("q");
        Assert.Equal("0 as before", top.End());

        // Without a terminal there are lines.
        Outcome dumb = new Command(Installation.Program, "top", program.Number.ToString(), "--batch", "2", "--interval", "0.1").Run().Succeeded();
        string[] lines = dumb.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        string[] names = lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["seconds", "in_use", "slabs", "transfer", "spans", "free", "released", "resident", "allocated"], names);
        JsonElement bytes = StatisticsOf(program).GetProperty("bytes");
        string[] numbers = lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] expected = [bytes.Number("in_use").ToString(), bytes.Number("front_end").ToString(), bytes.Number("transfer").ToString(),
            (bytes.Number("central") + bytes.Number("span_tails")).ToString(), bytes.Number("page_heap_free").ToString(), bytes.Number("released").ToString()];
        Assert.Equal(expected, numbers[1..7]);
        Assert.InRange(double.Parse(numbers[0], CultureInfo.InvariantCulture), 0.1, 60);

        // Until nobody reads them.
        Outcome read = Command.Shell($"{Installation.Program} top {program.Number} --interval 0.1 | head -n 2 | wc -l").Run().Succeeded();
        Assert.Equal(("2\n", ""), (read.Output, read.Error));
    }

    [Fact]
    public void LinesAfterAStandstillAreNotHurried()
    {
        using RunningProgram program = AtRest();
        using RunningProgram top = new Command(Installation.Program, "top", program.Number.ToString(), "--batch", "4", "--interval", "0.5").Start();
        top.Line(); // of names
        top.Line();
        top.StandStill(TimeSpan.FromSeconds(1.7));
        double[] seconds = [.. top.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line.Trim().Split(' ')[0], CultureInfo.InvariantCulture))];
        Assert.Equal(3, seconds.Length);
        Assert.True(seconds[1] - seconds[0] > 0.35 && seconds[2] - seconds[1] > 0.35, string.Join(' ', seconds));
        Assert.Equal(0, top.Wait());
    }

    [Theory]
    [InlineData("--interval", "0.05", "--interval: a number from 0.1 to 3600 is wanted")]
    [InlineData("--interval", "fast", "--interval: a number from 0.1 to 3600 is wanted")]
    [InlineData("--batch", "0", "--batch: a number of lines is wanted")]
    public void MistakesAreNamed(string option, string value, string expected)
    {
        Outcome outcome = new Command(Installation.Program, "top", "1", option, value).Run();
        Assert.Equal((2, $"nativemalloc: top: {expected}; see nativemalloc top --help\n"), (outcome.ExitCode, outcome.Error));
    }

    // However often it looks, the process only has some of its memory copied, and the kernel its counts of pages written out.
    [Fact]
    public void LooksAreCheap()
    {
        using RunningProgram program = AtRest();
        string calls = Path.Combine(Repository.NewFolder("calls"), "calls");
        new Command("strace", "-f", "-o", calls, Installation.Program, "top", program.Number.ToString(), "--batch", "5", "--interval", "0.1").Run().Succeeded();
        string all = File.ReadAllText(calls);
        Assert.InRange(Regex.Matches(all, " process_vm_readv\\(").Count, 5, 200);
        Assert.DoesNotContain("/smaps", all);
        Assert.DoesNotMatch($@" (process_vm_writev|ptrace|process_madvise|pidfd_\w+)\(| t?g?kill\({program.Number}\b", all);
    }
}

using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>nativemalloc ps, stats and heapmap: what they show of a process is what it says itself.</summary>
public sealed class HeapCommandTests
{
    private static Outcome Nativemalloc(params string[] arguments) => new Command(Installation.Program, arguments).Run();

    private static string Shown(params string[] arguments)
    {
        Outcome outcome = Nativemalloc(arguments).Succeeded();
        Assert.Equal("", outcome.Error);
        return outcome.Output;
    }

    [Theory]
    [InlineData("")]
    [InlineData("INDEX=thread")]
    [InlineData("INDEX=cpu_id")]
    [InlineData("CHECK=1")]
    [InlineData("SAMPLE=64K")]
    [InlineData("LIMIT=50%")]
    [InlineData("SOFT_LIMIT=40M")]
    public void ProcessAtRestIsSeenAsItReportsItself(string option)
    {
        string file = Path.Combine(Repository.NewFolder("seen"), "own.json");
        string[] setting = option.Split('=');
        Command command = TestProgram.Run("seen", file).Preloaded();
        using RunningProgram program = (option == "" ? command : command.With("NATIVEMALLOC_" + setting[0], setting[1])).Start().Ready();
        string number = program.Number.ToString();
        string json = File.ReadAllText(file);
        Assert.Equal(json, Shown("stats", number, "--json"));
        string text = Shown("stats", number);
        Assert.Equal(text, Shown("stats", file));
        Assert.Equal(json, Shown("stats", file, "--json"));

        Assert.Equal(Picture(file, "--svg"), Picture(number, "--svg"));
        Assert.Equal(Picture(file), Picture(number));
        Assert.Equal(0, program.End());
        Assert.Equal(program.Error, text); // malloc_stats, and nothing else
    }

    // But for its title.
    private static string Picture(params string[] arguments) => Regex.Replace(Shown(["heapmap", .. arguments]), @"own\.json \(process \d+\)|process \d+ \(seen\)", "title");

    // Most of what is read adds up at the first time, and all within a part in a thousand, however fast it changes.
    [Theory]
    [InlineData("")]
    [InlineData("thread")]
    public void ProcessAtWorkIsSeenWithinOnePercent(string index)
    {
        using RunningProgram program = TestProgram.Run("steady").Preloaded().With("NATIVEMALLOC_INDEX", index).Start();
        double truth = double.Parse(program.Line());
        for (int i = 0; i < 40; i++)
        {
            JsonElement statistics = JsonDocument.Parse(Shown("stats", program.Number.ToString(), "--json")).RootElement;
            JsonElement bytes = statistics.GetProperty("bytes");
            Assert.InRange(bytes.Number("in_use") / truth, 0.99, 1.01);
            string[] parts = ["in_use", "front_end", "transfer", "central", "span_tails", "page_heap_free", "released", "metadata"];
            Assert.Equal(bytes.Number("mapped"), parts.Sum(part => bytes.Number(part)));
        }

        Assert.Equal(0, program.End());
    }

    [Fact]
    public void PsListsWhoRunsOnIt()
    {
        string file = Path.Combine(Repository.NewFolder("seen"), "own.json");
        using RunningProgram seen = TestProgram.Run("seen", file).Preloaded().Start().Ready();
        using RunningProgram checking = TestProgram.Run("seen", file).Preloaded().With("NATIVEMALLOC_CHECK", "1").Start().Ready();
        using RunningProgram other = TestProgram.Run("served").Start().Ready();
        string[] lines = Nativemalloc("ps").Succeeded().Output.Split('\n');
        Assert.Matches("^ +PID NAME +FRONT END +RSEQ +IN USE +RESIDENT +IDLE$", lines[0]);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
        Assert.Matches($@"^ *{seen.Number} seen +per-(cpu|thread) +\w+ +\d+\.\d MiB +\d+\.\d MiB +\d+\.\d MiB$", LineOf(seen)!);
        Assert.Matches($@"^ *{checking.Number} seen +checking ", LineOf(checking)!);
        Assert.Null(LineOf(other));
        string? LineOf(RunningProgram program) => lines.SingleOrDefault(line => Regex.IsMatch(line, $"^ *{program.Number} "));
    }

    // Whatever it has written over what the library keeps there: a picture, or one line; and ps goes on to the others.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ProcessThatOverwroteTheLibrarysDataIsShownOrRefused(int seed)
    {
        using RunningProgram program = TestProgram.Run("served").Preloaded().With("NATIVEMALLOC_SAMPLE", "16K").Start().Ready();
        string number = program.Number.ToString();
        Overwrite(program, new Random(seed));
        foreach (string[] command in new string[][] { ["stats", number], ["stats", number, "--json"], ["heapmap", number], ["profile", number] })
        {
            Outcome outcome = Nativemalloc(command);
            Assert.InRange(outcome.ExitCode, 0, 1);
            Assert.Equal(outcome.ExitCode, outcome.Error.Count(character => character == '\n'));
            Assert.DoesNotContain("Exception", outcome.Error);
        }

        Nativemalloc("ps").Succeeded();
    }

    // One word in ten, of those that are not zero.
    private static void Overwrite(RunningProgram program, Random random)
    {
        ulong[] others = [0, 1, int.MaxValue, uint.MaxValue, long.MaxValue, ulong.MaxValue];
        using SafeFileHandle memory = File.OpenHandle($"/proc/{program.Number}/mem", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        int overwritten = 0;
        foreach (string line in File.ReadLines($"/proc/{program.Number}/maps").Where(line => line.Contains(" rw-p ") && line.Contains("libnativemalloc.so")))
        {
            long[] ends = [.. line.Split(' ')[0].Split('-').Select(end => Convert.ToInt64(end, 16))];
            byte[] word = new byte[8];
            for (long at = ends[0]; at < ends[1]; at += word.Length)
            {
                RandomAccess.Read(memory, word, at);
                if (BitConverter.ToUInt64(word) != 0 && random.Next(10) == 0)
                {
                    RandomAccess.Write(memory, BitConverter.GetBytes(random.Next(2) == 0 ? (ulong)random.NextInt64() : others[random.Next(others.Length)]), at);
                    overwritten++;
                }
            }
        }

        Assert.True(overwritten > 10);
    }

    [Fact]
    public void RefusalsAreOneLine()
    {
        using RunningProgram other = TestProgram.Run("served").Start().Ready();
        foreach (string command in new[] { "stats", "heapmap" })
        {
            AssertRefused(1, $"process {other.Number} (served) does not run on NativeMalloc: start its program by 'nativemalloc PROGRAM'", command, other.Number.ToString());
            AssertRefused(1, "there is no process 999999999", command, "999999999");
            AssertRefused(1, "/no/such/file: there is no such file, nor is it a process's number", command, "/no/such/file");
            AssertRefused(1, "/etc/passwd: not the JSON that --stats=json: writes when a process ends", command, "/etc/passwd");
            AssertRefused(2, $"Required argument missing for command: '{command}'; see nativemalloc {command} --help", command);
            AssertRefused(2, $"there is no option --jsonx; see nativemalloc {command} --help", command, "--jsonx", "1");
        }

        foreach (string command in new[] { "top", "doctor" })
        {
            AssertRefused(2, $"self is not a process's number; see nativemalloc {command} --help", command, "self");
        }

        foreach (string command in new[] { "stats", "heapmap", "profile" })
        {
            AssertRefused(1, "/tmp: is a directory", command, "/tmp");
            AssertRefused(1, "self: there is no such file, nor is it a process's number", command, "self");
            AssertRefused(2, $"an argument is empty; see nativemalloc {command} --help", command, "");
        }
    }

    [Theory]
    [InlineData("\"pid\": *[0-9]+", "\"pid\": 99999999999999")]
    [InlineData("\"in_use\": *[0-9]+", "\"in_use\": -5")]
    [InlineData("\"released\": *[0-9]+", "\"released\": 1.5")]
    [InlineData("\"start\": *\"[^\"]*", "\"start\": \"0")]
    [InlineData("\"start\": *\"0x", "\"start\": \"0x1fffff")]
    [InlineData("\"version\": *\"[^\"]*\"", "\"version\": null")]
    [InlineData("\"used_released\": *\\[[0-9]+", "\"used_released\": [257")]
    public void DamagedFilesAreRefused(string number, string another)
    {
        string file = Path.Combine(Repository.NewFolder("damaged"), "damaged.json");
        new Command("ls").Preloaded().With("NATIVEMALLOC_STATS", "json:" + file).Run().Succeeded();
        Nativemalloc("stats", file).Succeeded();
        string text = File.ReadAllText(file);
        File.WriteAllText(file, new Regex(number).Replace(text, another, 1));
        Assert.NotEqual(text, File.ReadAllText(file));
        AssertRefused(1, $"{file}: not the JSON that --stats=json: writes when a process ends", "stats", file);
    }

    // What is said besides the result can be lost, the exit code not; and nothing but a line is said of what cannot be written.
    [Theory]
    [InlineData("stats 999999999 2> /dev/full", 1, "")]
    [InlineData("stats 999999999 2>&-", 1, "")]
    [InlineData("stats 2>&-", 2, "")]
    [InlineData("ps > /dev/null 2>&-", 0, "")]
    [InlineData("ps >&-", 1, "nativemalloc: ps: standard output: Bad file descriptor\n")]
    [InlineData("metrics > /dev/full", 1, "nativemalloc: metrics: standard output: No space left on device\n")]
    [InlineData("ps >&- 2>&-", 1, "")]
    public void StandardStreamsMayBeClosedOrFull(string command, int exitCode, string error)
    {
        Outcome outcome = Command.Shell($"{Installation.Program} {command}").Run();
        Assert.Equal((exitCode, "", error), (outcome.ExitCode, outcome.Output, outcome.Error));
    }

    private static void AssertRefused(int exitCode, string why, params string[] arguments)
    {
        Outcome outcome = Nativemalloc(arguments);
        Assert.Equal((exitCode, "", $"nativemalloc: {arguments[0]}: {why}\n"), (outcome.ExitCode, outcome.Output, outcome.Error));
    }

    [Fact]
    public void ItStopsNobodyAndWritesNothing()
    {
        using RunningProgram program = TestProgram.Run("served").Preloaded().Start().Ready();
        string calls = Path.Combine(Repository.NewFolder("calls"), "calls");
        foreach (string command in new[] { "stats", "heapmap", "ps", "metrics" })
        {
            string[] arguments = command is "ps" or "metrics" ? [command] : [command, program.Number.ToString()];
            new Command("strace", ["-f", "-o", calls, Installation.Program, .. arguments]).Run().Succeeded();
            string all = File.ReadAllText(calls);
            Assert.Contains(" process_vm_readv(", all);
            Assert.DoesNotMatch($@" (process_vm_writev|ptrace|process_madvise|pidfd_\w+)\(| t?g?kill\({program.Number}\b", all);
        }

        Assert.Equal(0, program.End());
    }

    // tests/attach.sh does it a thousand times.
    [Fact]
    public void AnyMomentWillDo()
    {
        string seed = Environment.ProcessId.ToString();
        Outcome outcome = new Command(Path.Combine(Repository.Root, "tests", "attach.sh"), "15").With("SEED", seed).Run();
        Assert.True(outcome.ExitCode == 0, $"SEED={seed}: {outcome.Output}{outcome.Error}");
        Assert.Contains(" shown\n", outcome.Output);
    }

    [Theory]
    [InlineData("python3", "-c", "x = [str(i) * 10 for i in range(200000)]; print('ready', flush=True); input()")]
    [InlineData("node", "-e", "const x = []; for (let i = 0; i < 200; i++) x.push(Buffer.alloc(50000)); console.log('ready'); process.stdin.resume()")]
    [InlineData("redis-server", "--port", "0", "--save", "", "--unixsocket", "ready.socket")]
    public void RealProgramsAreSeen(string name, params string[] arguments)
    {
        string folder = Repository.NewFolder("seen");
        using RunningProgram program = new Command(name, arguments).In(folder).Preloaded().Start();
        for (string? line = ""; line != "ready" && !line!.Contains("ready to accept connections", StringComparison.OrdinalIgnoreCase);)
        {
            line = program.Line();
        }

        JsonElement statistics = JsonDocument.Parse(Nativemalloc("stats", program.Number.ToString(), "--json").Succeeded().Output).RootElement;
        Assert.True(statistics.GetProperty("active").GetBoolean());
        Assert.InRange(statistics.Number("bytes", "in_use"), 500_000, 200 << 20);
        Assert.Contains("in use by the program", Nativemalloc("stats", program.Number.ToString()).Succeeded().Output);
        Assert.Contains(" huge page", Nativemalloc("heapmap", program.Number.ToString()).Succeeded().Output);
    }
}

using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Xunit;
using Pprof = NativeMalloc.Pprof;

namespace NativeMalloc.DropInTests;

/// <summary>nativemalloc profile PID: what it shows of programs with known places, and what it leaves behind.</summary>
public sealed class ProfileCommandTests
{
    private const double MiB = 1 << 20;

    // What served holds, and what it allocates of each: keep_large, keep_small, pass_through.
    private static readonly string[] s_places = ["keep_large", "keep_small", "pass_through"];

    private const string Off = "no samples are taken now";

    // Tests in a shell's background ignore SIGINT, and so would what they start.
    private static Command Profile(RunningProgram program, params string[] arguments) =>
        new("env", ["--default-signal=INT", Installation.Program, "profile", program.Number.ToString(), .. arguments]);

    private static RunningProgram Served(string mean = "") => TestProgram.Run("served").Preloaded().With("NATIVEMALLOC_SAMPLE", mean).Start().Ready();

    // Bytes by the innermost function, of folded stacks.
    private static Dictionary<string, double> ByFunction(Outcome folded) =>
        folded.Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => Regex.Match(line, @"^(?:.*;)?([^;]+) (-?\d+)$"))
            .GroupBy(match => match.Groups[1].Value, match => double.Parse(match.Groups[2].Value))
            .ToDictionary(function => function.Key, function => function.Sum());

    // Four standard errors and more: a sample every 16 KiB.
    private static void AssertHoldsAll(Dictionary<string, double> bytes)
    {
        Assert.InRange(bytes["keep_large"] / MiB, 16 * 0.85, 16 * 1.15);
        Assert.InRange(bytes["keep_small"] / MiB, 4 * 0.7, 4 * 1.3);
        Assert.InRange(bytes.GetValueOrDefault("pass_through") / MiB, 0, 0.5); // what it holds at the moment
    }

    // Whoever made a file that a process has mapped, or that it runs, is not asked for more than names.
    [Fact]
    public void HeadersOfAMappedFileMayPointAnywhere()
    {
        string file = Path.Combine(Repository.NewFolder("forged"), "forged");
        byte[] forged = new byte[8192];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(forged);
        BinaryPrimitives.WriteInt64LittleEndian(forged.AsSpan(32), -56); // where the headers of segments are
        BinaryPrimitives.WriteInt16LittleEndian(forged.AsSpan(54), 56);
        BinaryPrimitives.WriteInt16LittleEndian(forged.AsSpan(56), 1);
        File.WriteAllBytes(file, forged);
        const string Script = "import mmap, sys; f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); print('ready', flush=True); input()";
        string profile = file + ".pb.gz";
        using RunningProgram program = new Command("python3", "-c", Script, file).Preloaded().With("NATIVEMALLOC_PROFILE", profile).Start().Ready();
        Profile(program, "--seconds", "0").Run().Succeeded();
        program.End();
        Assert.True(File.Exists(profile));
    }

    [Fact]
    public void FileStaysAsItIsIfTheProfileCannotBeWrittenToIt()
    {
        string folder = Repository.NewFolder("kept");
        string profile = Path.Combine(folder, "it.pb.gz"), kept = Path.Combine(folder, "kept.heap");
        new Command("ls").Preloaded().With("NATIVEMALLOC_PROFILE", profile).With("NATIVEMALLOC_SAMPLE", "1").Run().Succeeded();
        File.WriteAllText(kept, "precious");
        Outcome outcome = new Command(Installation.Program, "profile", profile, "--value", "held", "-o", kept).Run();
        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal("precious", File.ReadAllText(kept));
        new Command(Installation.Program, "profile", profile, "-o", kept).Run().Succeeded();
        Assert.StartsWith("heap profile: ", File.ReadAllText(kept));
    }

    [Theory]
    [InlineData(2, 24, long.MaxValue - 3)] // the table of symbols lies beyond the file's end
    [InlineData(2, 32, long.MaxValue)]
    [InlineData(2, 40, 60000)] // its names are in a section that there is not
    [InlineData(7, 24, -16)] // notes
    [InlineData(7, 0, 0)] // the length of one's owner
    public void DamagedFilesHaveNoNames(int type, int field, long value)
    {
        byte[] file = File.ReadAllBytes(TestProgram.Path("served"));
        int sections = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(40)), size = BinaryPrimitives.ReadInt16LittleEndian(file.AsSpan(58));
        int section = Enumerable.Range(0, BinaryPrimitives.ReadInt16LittleEndian(file.AsSpan(60))).Select(i => sections + i * size)
            .First(at => BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4)) == type);
        if (field == 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan((int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(section + 24))), 0xfffffff4);
        }
        else if (field == 40)
        {
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(section + field), (int)value);
        }
        else
        {
            BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(section + field), value);
        }

        string damaged = Path.Combine(Repository.NewFolder("damaged"), "served");
        File.Copy(TestProgram.Path("served"), damaged); // its mode, too
        File.WriteAllBytes(damaged, file);
        using RunningProgram program = new Command(damaged).Preloaded().Start().Ready();
        Assert.Contains("served", Profile(program, "--seconds", "1", "--format", "folded", "--value", "allocated").Run().Succeeded().Output);
    }

    [Fact]
    public void ProcessThatWasNotPreparedShowsWhatItAllocatesFromNowOn()
    {
        using RunningProgram program = Served();
        Outcome held = Profile(program, "--sample", "16K", "--seconds", "2", "--format", "folded").Run();
        AssertHoldsAll(ByFunction(held));
        Assert.Contains(";main;serve;keep_large ", held.Output);

        // Many times what it holds.
        Dictionary<string, double> allocated = ByFunction(Profile(program, "--sample", "64K", "--seconds", "1", "--format", "folded", "--value", "allocated").Run());
        Assert.Equal(s_places.Order(), allocated.Keys.Order()); // nothing else is allocated by then
        Assert.InRange(allocated["keep_large"] / allocated["pass_through"], 0.9, 1.1);
        Assert.InRange(allocated["keep_large"] / allocated["keep_small"], 3.5, 4.5);

        // It goes off by itself, or with the command; the program goes on.
        Assert.Contains(Off, Profile(program, "--seconds", "0").Run().Succeeded().Output);
        Assert.Equal(0, program.End());
    }

    [Fact]
    public void ProcessThatWasStartedWithSamplesShowsAllAtOnceAndIsLeftAsItWas()
    {
        using RunningProgram program = Served("16K");
        AssertHoldsAll(ByFunction(Profile(program, "--format", "folded").Run()));
        AssertHoldsAll(ByFunction(Profile(program, "--format", "folded", "--value", "peak").Run()));
        Outcome again = Profile(program, "--seconds", "1", "--sample", "1M").Run().Succeeded();
        Assert.Matches($@"^process {program.Number} \(served\), looked at for \d+(\.\d)? s: ", again.Output);
        Assert.Contains(" in use in ", again.Output);
        Assert.Contains(", by a sample every 16.0 KiB\n", again.Output);
        Assert.DoesNotContain(Off, Profile(program, "--seconds", "0").Run().Succeeded().Output);
        Assert.Equal(0, program.End());
    }

    [Fact]
    public void SamplesGoOffByThemselvesWhenTheCommandIsKilled()
    {
        using RunningProgram program = Served();
        using (RunningProgram command = Profile(program, "--seconds", "60").Start())
        {
            WaitUntil(isOn: true, program);
            command.Kill();
        }

        WaitUntil(isOn: false, program);
        Assert.Equal(0, program.End());
    }

    [Fact]
    public void InterruptedItShowsWhatItHas()
    {
        using RunningProgram program = Served();
        using RunningProgram command = Profile(program, "--seconds", "600", "--sample", "16K", "--format", "folded").Start();
        WaitUntil(isOn: true, program);
        Thread.Sleep(300);
        Command.Shell($"kill -INT {command.Number}").Run().Succeeded();
        Assert.Contains(";keep_large ", command.Output);
        Assert.Equal(0, command.Wait());
        Assert.Contains(Off, Profile(program, "--seconds", "0").Run().Succeeded().Output);
    }

    // What it begins so it ends itself.
    [Fact]
    public void ProcessMayBeginToTakeSamplesForItselfMeanwhile()
    {
        const string Script = """
            import ctypes, sys
            library = ctypes.CDLL(None)
            print('ready', flush=True)
            sys.stdin.readline()
            library.nativemalloc_start_profiling(ctypes.c_uint64(65536))
            print('begun', flush=True)
            sys.stdin.read()
            """;
        using RunningProgram program = new Command("python3", "-c", Script).Preloaded().Start().Ready();
        using RunningProgram command = Profile(program, "--seconds", "600").Start();
        WaitUntil(isOn: true, program);
        program.Say("");
        Assert.Equal("begun", program.Line());
        Thread.Sleep(1500); // it puts off the end of its own each half second
        Command.Shell($"kill -INT {command.Number}").Run().Succeeded();
        Assert.Equal(0, command.Wait());
        string after = Profile(program).Run().Succeeded().Output;
        Assert.DoesNotContain(Off, after);
        Assert.Contains(", by a sample every 64.0 KiB\n", after);
    }

    internal static void WaitUntil(bool isOn, RunningProgram program)
    {
        for (int tries = 0; Profile(program, "--seconds", "0").Run().Succeeded().Output.Contains(Off) == isOn; tries++)
        {
            Assert.InRange(tries, 0, 300);
            Thread.Sleep(100);
        }
    }

    // Neither by a debugger's means nor by a signal.
    [Fact]
    public void ItStopsNobody()
    {
        using RunningProgram program = Served();
        string calls = Path.Combine(Repository.NewFolder("calls"), "calls");
        new Command("strace", "-f", "-o", calls, Installation.Program, "profile", program.Number.ToString(), "--seconds", "1").Run().Succeeded();
        string all = File.ReadAllText(calls);
        Assert.Contains(" process_vm_readv(", all);
        Assert.Contains(" process_vm_writev(", all);
        Assert.DoesNotMatch($@" (ptrace|process_madvise|pidfd_\w+)\(| t?g?kill\({program.Number}\b", all);
    }

    [Fact]
    public void ProcessThatBeginsAnotherProgramIsLeftAlone()
    {
        using RunningProgram program = new Command("dash", "-c", "read line; exec sleep 60").Preloaded().Start();
        using RunningProgram command = Profile(program, "--seconds", "60").Start();
        WaitUntil(isOn: true, program);
        program.Say("");
        Assert.Equal(1, command.Wait());
        Assert.Matches(@"^nativemalloc: profile: process \d+ \(dash\) runs another program by now: sleep\n$", command.Error);
    }

    [Fact]
    public void ProgramWithTheArchiveIsAsOneWithTheLibrary()
    {
        string program = Path.Combine(Repository.NewFolder("static"), "served");
        new Command("gcc", "-O1", "-fno-builtin", "-static", Path.Combine(Repository.Programs, "served.c"), Repository.StaticLibrary, "-o", program).Run().Succeeded();
        using RunningProgram running = new Command(program).Start().Ready();
        Outcome held = Profile(running, "--sample", "16K", "--seconds", "2", "--format", "folded").Run();
        AssertHoldsAll(ByFunction(held));
        Assert.Contains(";main;serve;keep_large ", held.Output);
    }

    // In namespaces of its own, with files that are not to be found by their names here.
    [UserNamespaceFact]
    public void ProcessInAContainerIsSeenFromOutside()
    {
        string folder = Repository.NewFolder("container");
        string script = $"mount -t tmpfs none {folder}; cp {TestProgram.Path("served")} {Repository.Library} {folder}; LD_PRELOAD={folder}/libnativemalloc.so exec {folder}/served";
        using RunningProgram outer = new Command("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "sh", "-e", "-c", script).Start().Ready();
        string number = new Command("pgrep", "-P", outer.Number.ToString()).Run().Succeeded().Output.Trim();
        AssertHoldsAll(ByFunction(new Command(Installation.Program, "profile", number, "--sample", "16K", "--seconds", "2", "--format", "folded").Run()));
    }

    // The file has another's name by now, or none.
    [RootFact]
    public void NamesOfADeletedFileAreThere()
    {
        string folder = Repository.NewFolder("deleted");
        File.Copy(TestProgram.Path("served"), folder + "/served");
        using RunningProgram program = new Command(folder + "/served").Preloaded().Start().Ready();
        File.Delete(folder + "/served");
        Assert.Contains(";main;serve;keep_large ", Profile(program, "--seconds", "1", "--format", "folded").Run().Succeeded().Output);
    }

    [Fact]
    public void NamesOfCxxAreReadable()
    {
        string program = Path.Combine(Repository.NewFolder("cxx"), "served");
        new Command("g++", "-O1", "-fno-builtin", "-x", "c++", Path.Combine(Repository.Programs, "served.c"), "-o", program).Run().Succeeded();
        using RunningProgram running = new Command(program).Preloaded().Start().Ready();
        Assert.Contains(";serve(int);keep_large(int) ", Profile(running, "--seconds", "1", "--format", "folded").Run().Succeeded().Output);
    }

    // Of a program without symbols, as Debian's are: what its debugging package has.
    [RootFact]
    public void NamesAreLookedUpInDebugFiles()
    {
        string program = Path.Combine(Repository.NewFolder("debug"), "served");
        string source = Path.Combine(Repository.Programs, "served.c");
        new Command("gcc", "-O1", "-fno-builtin", "-Wl,--build-id", "-g", source, "-o", program).Run().Succeeded();
        string id = Regex.Match(new Command("readelf", "-n", program).Run().Succeeded().Output, "Build ID: ([0-9a-f]+)").Groups[1].Value;
        string file = $"/usr/lib/debug/.build-id/{id[..2]}/{id[2..]}.debug";
        try
        {
            Command.Shell($"mkdir -p {Path.GetDirectoryName(file)} && objcopy --only-keep-debug {program} {file} && strip {program}").Run().Succeeded();
            using RunningProgram running = new Command(program).Preloaded().Start().Ready();
            Assert.Contains(";main;serve;keep_large ", Profile(running, "--seconds", "1", "--format", "folded").Run().Succeeded().Output);
            File.Delete(file);
            Assert.Matches(@";served\+0x[0-9a-f]+;served\+0x[0-9a-f]+ ", Profile(running, "--seconds", "1", "--format", "folded").Run().Succeeded().Output);
        }
        finally
        {
            Command.Shell($"rm -f {file}; rmdir -p --ignore-fail-on-non-empty {Path.GetDirectoryName(file)}").Run();
        }
    }

    // JavaScript's functions have no table, and their names are in a file that node writes. It may compile one into the other.
    [Fact]
    public void CompiledCodeOfNodeHasTheNamesOfItsMap()
    {
        string script = Path.Combine(Repository.NewFolder("node"), "script.js");
        File.WriteAllText(
            script,
            """
            function keepBuffers(kept) { kept.push(Buffer.allocUnsafeSlow(65536)); if (kept.length > 100) kept.shift(); }
            const kept = [];
            function turn() { for (let i = 0; i < 200; i++) keepBuffers(kept); setTimeout(turn, 1); }
            process.stdin.on('end', () => process.exit(0)).resume();
            turn();
            setTimeout(() => console.log('ready'), 500);
            """);
        AssertNames(@"JS:[^; ]*\b(keepBuffers|turn)\b", new Command("node", "--perf-basic-prof", script));
    }

    [Fact]
    public void CompiledCodeOfDotNetHasTheNamesOfItsMap()
    {
        string folder = Repository.NewFolder("dotnet");
        File.WriteAllText(folder + "/Directory.Build.props", "<Project />");
        File.WriteAllText(
            folder + "/Keeping.csproj",
            """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework><AllowUnsafeBlocks>true</AllowUnsafeBlocks></PropertyGroup>
            </Project>
            """);
        File.WriteAllText(
            folder + "/Keeping.cs",
            """
            using System.Runtime.CompilerServices;
            using System.Runtime.InteropServices;
            internal static unsafe class Keeping
            {
                private static readonly void*[] s_kept = new void*[100];

                [MethodImpl(MethodImplOptions.NoInlining)]
                private static void KeepNative(int i)
                {
                    NativeMemory.Free(s_kept[i]);
                    s_kept[i] = NativeMemory.Alloc(65536);
                }

                private static void Main()
                {
                    System.Console.WriteLine("ready");
                    for (;; System.Threading.Thread.Sleep(1))
                    {
                        for (int i = 0; i < s_kept.Length; i++) KeepNative(i);
                    }
                }
            }
            """);
        new Command("dotnet", "build", "--nologo", "-v", "quiet", "-p:UseSharedCompilation=false", "-nodeReuse:false", "-o", "built").In(folder).Run().Succeeded();
        AssertNames(@"[^;]*\bKeeping::KeepNative\b", new Command(folder + "/built/Keeping").With("DOTNET_PerfMapEnabled", "1"));
    }

    private static void AssertNames(string name, Command command)
    {
        using RunningProgram program = command.Preloaded().Start().Ready();
        try
        {
            string folded = Profile(program, "--seconds", "2", "--sample", "64K", "--value", "allocated", "--format", "folded").Run().Succeeded().Output;
            Assert.Matches($@"(?m);{name}[^;]*(;.*)? \d+$", folded);
        }
        finally
        {
            Array.ForEach(Directory.GetFiles("/tmp", $"perf*-{program.Number}.map"), File.Delete);
        }
    }

    [Fact]
    public void WrittenProfilesAreReadAgainAndTakenOffEachOther()
    {
        string folder = Repository.NewFolder("files");
        using RunningProgram program = Served("16K");
        string first = Path.Combine(folder, "first.pb.gz"), own = Path.Combine(folder, "own.pb.gz");
        Profile(program, "--output", first).Run().Succeeded();
        AssertHoldsAll(ByFunction(OfFile(first, "--format", "folded")));
        Assert.Contains(" keep_large\n", OfFile(first).Succeeded().Output);
        Assert.Contains(" 0 objects", OfFile(first, "--base", first).Succeeded().Output);

        // The same places in another process, wherever it has them.
        using RunningProgram other = Served("16K");
        string second = Path.Combine(folder, "second.pb.gz");
        Profile(other, "--output", second).Run().Succeeded();
        Dictionary<string, double> before = ByFunction(OfFile(first, "--format", "folded")), now = ByFunction(OfFile(second, "--format", "folded"));
        string[] lines = OfFile(second, "--base", first, "--format", "folded").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(s_places[..2], place => Assert.Contains(lines, line => line.EndsWith($";main;serve;{place} {before[place]} {now[place]}")));
        Assert.All(before.Keys.Union(now.Keys), place => Assert.InRange(Math.Abs(now.GetValueOrDefault(place) - before.GetValueOrDefault(place)) / MiB, 0, 3));
    }

    // Their readers know no numbers below zero.
    [Theory]
    [InlineData("heap", "write both profiles, and let its reader take off one (google-pprof --base)")]
    [InlineData("folded", "write both profiles, and name one by --base")]
    public void WhatHasBecomeLessIsNotWrittenAsIfItWereMore(string format, string instead)
    {
        string folder = Repository.NewFolder("less");
        string more = Path.Combine(folder, "more.pb.gz"), less = Path.Combine(folder, "less.pb.gz");
        new Command("/usr/bin/python3", "-c", "pass").Preloaded()
            .With("NATIVEMALLOC_SAMPLE", "1").With("NATIVEMALLOC_PROFILE", more).Run().Succeeded();
        new Command("true").Preloaded().With("NATIVEMALLOC_SAMPLE", "1").With("NATIVEMALLOC_PROFILE", less).Run().Succeeded();
        string difference = Path.Combine(folder, "difference.pb.gz");
        new Command(Installation.Program, "profile", less, "--base", more, "--output", difference).Run().Succeeded();
        Outcome outcome = new Command(Installation.Program, "profile", difference, "--value", "allocated", "--format", format).Run();
        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal($"nativemalloc: profile: the format '{format}' has no numbers below zero, and some stacks have less than before: {instead}\n", outcome.Error);
        if (format == "folded")
        {
            outcome = new Command(Installation.Program, "profile", less, "--base", difference, "--value", "allocated", "--format", format).Run();
            Assert.Equal(1, outcome.ExitCode);
            Assert.EndsWith(": write both profiles, and name a whole one by --base\n", outcome.Error);
        }
    }

    // As the schema has it, in another's decoder; and as readers of the older formats have it.
    [Fact]
    public void ReadersUnderstandWhatIsWritten()
    {
        string folder = Repository.NewFolder("files");
        using RunningProgram program = Served("16K");
        string pprof = Path.Combine(folder, "it.pb.gz"), heap = Path.Combine(folder, "it.heap");
        Profile(program, "--output", pprof).Run().Succeeded();
        Profile(program, "--output", heap).Run().Succeeded();

        using Stream plain = new GZipStream(File.OpenRead(pprof), CompressionMode.Decompress);
        Pprof.Profile profile = Pprof.Profile.Parser.ParseFrom(plain);
        string Text(long index) => profile.StringTable[(int)index];
        Assert.Equal(
            ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space", "held_space"],
            profile.SampleType.Select(type => Text(type.Type)));
        Assert.Equal((16 << 10, "inuse_space", ""), (profile.Period, Text(profile.DefaultSampleType), Text(0)));
        Assert.EndsWith("/served", Text(profile.Mapping[0].Filename));
        Assert.Matches("^[0-9a-f]{40}$", Text(profile.Mapping[0].BuildId));
        Dictionary<ulong, string> functions = profile.Function.ToDictionary(function => function.Id, function => Text(function.Name));
        Dictionary<ulong, string> locations = profile.Location.ToDictionary(
            location => location.Id, location => location.Line.Count > 0 ? functions[location.Line[0].FunctionId] : "");
        double large = profile.Sample.Where(sample => locations[sample.LocationId[0]] == "keep_large").Sum(sample => sample.Value[3]);
        Assert.InRange(large / MiB, 16 * 0.85, 16 * 1.15);

        string top = new Command("google-pprof", "--text", "--show_bytes", TestProgram.Path("served"), heap).Run().Succeeded().Output;
        Match row = Regex.Match(top, @"(?m)^ *(\d+) .* keep_large$");
        Assert.True(row.Success, top);
        Assert.InRange(double.Parse(row.Groups[1].Value) / MiB, 16 * 0.85, 16 * 1.15);
    }

    private static Outcome OfFile(string path, params string[] arguments) => new Command(Installation.Program, ["profile", path, .. arguments]).Run();
}

/// <summary>nativemalloc profile, where it cannot do what it is asked for.</summary>
public sealed class ProfileRefusalTests
{
    private static Outcome Profile(params string[] arguments) => new Command(Installation.Program, ["profile", .. arguments]).Run();

    private static void AssertRefused(string reason, Outcome outcome)
    {
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.Matches($"^nativemalloc: profile: {reason}\n$", outcome.Error);
    }

    [Theory]
    [InlineData()]
    [InlineData("1", "2")]
    [InlineData("1", "--seconds", "soon")]
    [InlineData("1", "--seconds", "-1")]
    [InlineData("1", "--sample", "0")]
    [InlineData("1", "--sample", "some")]
    [InlineData("1", "--format", "svg")]
    [InlineData("1", "--value", "all")]
    [InlineData("1", "--option", "a=b")]
    public void MistakesAreNamedInOneLine(params string[] arguments)
    {
        Outcome outcome = Profile(arguments);
        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.Matches("^nativemalloc: profile: [^\n]+; see nativemalloc profile --help\n$", outcome.Error);
    }

    [Fact]
    public void WhatIsNotThereIsSaidSo()
    {
        AssertRefused("there is no process 2147483646", Profile("2147483646"));
        AssertRefused("/no/such/file: there is no such file, nor is it a process's number", Profile("/no/such/file"));
        AssertRefused("/etc/passwd: no profile in pprof's format", Profile("/etc/passwd"));
    }

    [Fact]
    public void ProcessWithoutTheLibraryIsRefused()
    {
        using RunningProgram program = TestProgram.Run("served").Start().Ready();
        AssertRefused(@$"process {program.Number} \(served\) does not run on NativeMalloc: start its program by 'nativemalloc PROGRAM'", Profile(program.Number.ToString()));
    }

    [Fact]
    public void ProcessOnAnotherBuildIsRefused()
    {
        string folder = Repository.NewFolder("build");
        string library = Path.Combine(folder, "libother.so");
        byte[] bytes = File.ReadAllBytes(Repository.Library);
        int note = bytes.AsSpan().IndexOf("NativeMalloc\0\0\0\0"u8);
        bytes[note + 16] ^= 1; // of the layout
        File.WriteAllBytes(library, bytes);
        using RunningProgram program = TestProgram.Run("served").With("LD_PRELOAD", library).Start().Ready();
        AssertRefused(
            $@"process {program.Number} \(served\) runs on NativeMalloc {Installation.Version} of another build than this command's \({Installation.Version}\): use the command that was installed with {library}",
            Profile(program.Number.ToString()));
        Assert.Equal(0, program.End());
    }

    [Fact]
    public void ProcessThatEndsMeanwhileIsSaidSo()
    {
        using RunningProgram program = TestProgram.Run("served").Preloaded().Start().Ready();
        using RunningProgram command = new Command(Installation.Program, "profile", program.Number.ToString(), "--seconds", "60").Start();
        ProfileCommandTests.WaitUntil(isOn: true, program);
        Assert.Equal(0, program.End());
        Assert.Equal(1, command.Wait());
        Assert.Matches($@"^nativemalloc: profile: process {program.Number} \(served\) has ended\n$", command.Error);
    }

    [RootFact]
    public void AnotherUsersProcessIsRefused()
    {
        string folder = Directory.CreateTempSubdirectory("nativemalloc.").FullName;
        try
        {
            Command.Shell($"cp -r {Installation.Prefix}/bin {Installation.Prefix}/libexec {folder} && chmod -R go+rX {folder}").Run().Succeeded();
            using RunningProgram program = TestProgram.Run("served").Preloaded().Start().Ready();
            Outcome outcome = new Command(
                "setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", folder + "/bin/nativemalloc", "profile", program.Number.ToString()).Run();
            AssertRefused($@"process {program.Number} \(served\) belongs to another user \(0\): run this as that user, or as root", outcome);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

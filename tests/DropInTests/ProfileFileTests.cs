using System.Globalization;
using System.Text.RegularExpressions;
using NativeMalloc.Pprof;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Profiles that processes write: when they do, and what readers make of them.</summary>
public sealed class ProfileFileTests
{
    // 20 MB in blocks of 1,000 bytes are 1,220 samples at this distance: three standard errors are 9 %.
    private const string Distance = "16K";
    private const double Error = 0.15;

    private readonly string _folder = Repository.NewFolder("profile");

    private static readonly string s_program = TestProgram.Path("profiled", ".weak", "-I" + Repository.Header, "-DNATIVEMALLOC_WEAK");

    [Fact]
    public void PprofsFileSaysWhoHasTheMemory()
    {
        Profiled("p.pb.gz").Run().Succeeded();
        PprofFile file = new(Path.Combine(_folder, "p.pb.gz"));
        AssertClose(20e6, file.Of("hold_small", "inuse_space"));
        AssertClose(20e3, file.Of("hold_small", "inuse_objects"));
        AssertClose(42e6, file.Of("hold_large", "inuse_space"));
        AssertClose(60e6, file.Of("churn", "alloc_space"));
        AssertClose(60e3, file.Of("churn", "alloc_objects"));
        AssertClose(80e6, file.Of("peak_once", "peak_space"));
        Assert.Equal(0, file.Of("peak_once", "inuse_space"));
        Assert.Equal(0, file.Of("hold_large", "peak_space"));
        Assert.True(file.Of("churn", "inuse_space") <= 32 << 10);
        AssertClose(file.Of("hold_small", "alloc_space"), file.Of("main", "inuse_space") - file.Of("hold_large", "inuse_space"));
        Assert.Contains(file.Stacks, stack => stack[0] == "hold_small" && stack[1] == "main"); // nothing of the library's
        Assert.Equal(16 << 10, file.Profile.Period);
        Assert.InRange(file.Profile.TimeNanos, DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds() * 1_000_000, DateTimeOffset.UtcNow.AddMinutes(1).ToUnixTimeMilliseconds() * 1_000_000);
        Assert.InRange(file.Profile.DurationNanos, 1, 60_000_000_000);
        Assert.Matches($@"^nativemalloc {Installation.Version}, process \d+$", file.Comments[0]);
        Assert.Equal("missed for want of room: 0 samples, and the stacks of 0", file.Comments[1]);
        Assert.Contains("check=0 ", file.Comments[2]);
        Assert.Contains("sample=16384 ", file.Comments[2]);
    }

    [Fact]
    public void PprofsFileNamesTheFilesByWhichSymbolsAreFound()
    {
        Profiled("p.pb.gz").Run().Succeeded();
        PprofFile file = new(Path.Combine(_folder, "p.pb.gz"));
        Assert.Equal(s_program, file.FileOf(file.Profile.Mapping[0]));
        Assert.Contains(file.Profile.Mapping, mapping => file.FileOf(mapping).Contains("libc.so"));
        foreach (Mapping mapping in file.Profile.Mapping.Where(mapping => File.Exists(file.FileOf(mapping))))
        {
            string notes = new Command("readelf", "-n", file.FileOf(mapping)).Run().Succeeded().Output;
            Assert.Equal(Regex.Match(notes, "Build ID: ([0-9a-f]+)").Groups[1].Value, file.BuildIdOf(mapping));
        }
    }

    // At the soft limit another thread's fork waits for who writes.
    [Fact]
    public void AFifoIsWrittenToWhoReadsAndNobodyIsWaitedFor()
    {
        string fifo = Path.Combine(_folder, "fifo");
        string atLimit = Path.Combine(_folder, "fifo.soft_limit");
        new Command("mkfifo", fifo, atLimit).Run().Succeeded();
        string error = Profiled("fifo").With("NATIVEMALLOC_SOFT_LIMIT", "1M").With("NATIVEMALLOC_STATS", "json:" + fifo).Run().Succeeded().Error;
        Assert.Equal(3, Regex.Count(error, @"could not be written to \S+, errno 6: nobody reads from it\n"));

        new Command(
            "bash", "-c", "cat \"$1\" > \"$1.whole\" & until LD_PRELOAD=$2 NATIVEMALLOC_PROFILE=$1 \"$0\" 2> \"$1.error\" && [ ! -s \"$1.error\" ]; do :; done; wait",
            s_program, fifo, Repository.Library).Run().Succeeded();
        Assert.NotEmpty(new PprofFile(fifo + ".whole").Stacks);
    }

    // The kernel has a signal for it, which would end the process: 1 KiB is less than each of them takes.
    [Fact]
    public void FilesThatMayNotGrowAreAnErrorAndNoMore()
    {
        string error = new Command("bash", "-c", "ulimit -f 1; exec \"$0\"", s_program)
            .Preloaded().With("NATIVEMALLOC_SOFT_LIMIT", "1M").With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, "p.heap"))
            .With("NATIVEMALLOC_STATS", "json:" + Path.Combine(_folder, "s")).Run().Succeeded().Error;
        Assert.Equal(
            ["p.heap", "p.soft_limit.heap", "s"],
            Regex.Matches(error, @"could not be written to .*/(\S+), errno 27\n").Select(match => match.Groups[1].Value).Distinct().Order());
        Assert.All(Directory.GetFiles(_folder), file => Assert.Equal(1024, new FileInfo(file).Length));
    }

    [Theory]
    [InlineData("google-pprof")]
    [InlineData("jeprof")]
    public void ReadersOfHeapV2NameTheFunctions(string reader)
    {
        Profiled("p.heap").Run().Succeeded();
        Dictionary<string, double> inUse = Read(reader, "p.heap", s_program, "--inuse_space");
        AssertClose(20e6, inUse["hold_small"]);
        AssertClose(42e6, inUse["hold_large"]);
        Assert.DoesNotContain("peak_once", inUse.Keys);
        Dictionary<string, double> allocated = Read(reader, "p.heap", s_program, "--alloc_space");
        AssertClose(60e6, allocated["churn"]);
        AssertClose(80e6, allocated["peak_once"]);
    }

    // Blocks of one byte would be a half more, were they taken for samples of one size.
    [Theory]
    [InlineData("google-pprof")]
    [InlineData("jeprof")]
    public void WhereEachBlockIsASampleReadersShowWhatThereIs(string reader)
    {
        const string Script = "import ctypes\nmalloc = ctypes.CDLL(None).malloc\nfor i in range(10000): malloc(ctypes.c_size_t(1))";
        foreach (string file in (string[])["p.heap", "p.pb.gz"])
        {
            new Command("/usr/bin/python3", "-c", Script).Preloaded().With("NATIVEMALLOC_SAMPLE", "1").With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, file)).Run().Succeeded();
        }

        new Command(Installation.Program, "profile", Path.Combine(_folder, "p.pb.gz"), "-o", Path.Combine(_folder, "converted.heap")).Run().Succeeded();
        foreach (string file in (string[])["p.heap", "converted.heap"])
        {
            Assert.Contains(Read(reader, file, "/usr/bin/python3").Values, bytes => bytes is >= 10000 and < 10100);
        }
    }

    [Theory]
    [InlineData("google-pprof")]
    [InlineData("jeprof")]
    public void ReadersNameCxxFunctions(string reader)
    {
        string program = TestProgram.Path("profiled_store");
        new Command(program).Preloaded().With("NATIVEMALLOC_SAMPLE", Distance).With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, "p.heap")).Run().Succeeded();
        Dictionary<string, double> inUse = Read(reader, "p.heap", program);
        AssertClose(20e6, inUse.Single(entry => entry.Key.StartsWith("shop::Store::fill")).Value);
        AssertClose(12e6, inUse.Single(entry => entry.Key.StartsWith("shop::Store::index")).Value, 0.25);
    }

    // Of a library that an extension module loads, from the module's callbacks: 1.118 MB each.
    [Fact]
    public void ExtensionModulesOfPythonAreNamed()
    {
        new Command("python3", "-c", "import bz2\nheld = [bz2.BZ2Compressor(1) for i in range(20)]\nimport os, sys\nsys.stdout.flush()")
            .Preloaded().With("NATIVEMALLOC_SAMPLE", Distance).With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, "p.pb.gz")).Run().Succeeded();
        PprofFile file = new(Path.Combine(_folder, "p.pb.gz"));
        AssertClose(22.4e6, file.Of("BZ2_bzCompressInit", "peak_space"));
        Assert.Contains(file.Profile.Mapping, mapping => Path.GetFileName(file.FileOf(mapping)).StartsWith("_bz2."));
    }

    [Fact]
    public void ProfilesOfTwoMomentsCanBeSubtracted()
    {
        string program = WriteAll();
        PprofFile first = new(Path.Combine(_folder, "first.pb.gz"));
        PprofFile second = new(Path.Combine(_folder, "second.pb.gz"));
        Assert.Equal(first.Profile.SampleType, second.Profile.SampleType);
        Assert.Equal(first.Profile.PeriodType, second.Profile.PeriodType);
        Assert.Equal(0, first.Of("hold_large", "inuse_space"));
        AssertClose(42e6, second.Of("hold_large", "inuse_space"));
        Assert.Equal(first.Of("hold_small", "inuse_space"), second.Of("hold_small", "inuse_space")); // nothing came in between
        Assert.Equal(0, second.Of("write_all", "alloc_space") - first.Of("write_all", "alloc_space") - second.Of("hold_large", "alloc_space")); // profiling was off
        foreach (string reader in (string[])["google-pprof", "jeprof"])
        {
            Dictionary<string, double> difference = Read(reader, "second.heap", program, "--base=" + Path.Combine(_folder, "first.heap"));
            AssertClose(42e6, difference["hold_large"]);
            Assert.DoesNotContain("hold_small", difference.Keys);
        }
    }

    [Fact]
    public void AResetForgetsWhatIsNotInUse()
    {
        WriteAll();
        PprofFile file = new(Path.Combine(_folder, "reset.pb.gz"));
        AssertClose(20e6, file.Of("hold_small", "inuse_space"));
        Assert.Equal(0, file.Of("main", "alloc_space"));
        Assert.Equal(0, file.Of("peak_once", "peak_space"));
        Assert.Equal(file.Of("main", "inuse_space"), file.Of("main", "peak_space"));
        Assert.DoesNotContain(file.Profile.Sample, sample => sample.Value.All(value => value == 0));
    }

    [Fact]
    public void FilesOfOneValueShowWhatIsAskedFor()
    {
        string program = WriteAll();
        Assert.DoesNotContain("peak_once", Read("jeprof", "first.heap", program).Keys);
        AssertClose(80e6, Read("jeprof", "peak.heap", program)["peak_once"]);
        AssertClose(20e6, Folded("first.folded").Sum(line => line.Bytes));
        AssertClose(100e6, Folded("peak.folded").Sum(line => line.Bytes));
        AssertClose(160e6, Folded("allocated.folded").Sum(line => line.Bytes));
        Assert.All(Folded("first.folded").Where(line => line.Bytes > 10_000_000), line => Assert.Matches(@";profiled\+0x[0-9a-f]+;profiled\+0x[0-9a-f]+;profiled\+0x[0-9a-f]+$", line.Stack));
    }

    [Fact]
    public void AForkedChildWritesOnlyAFileOfItsOwn()
    {
        Profiled("p.pb.gz", "fork").Run().Succeeded();
        AssertClose(42e6, new PprofFile(Path.Combine(_folder, "p.pb.gz")).Of("hold_large", "inuse_space"));

        Profiled("n.%p.pb.gz", "fork").Run().Succeeded();
        double[] held = [.. Directory.GetFiles(_folder, "n.*.pb.gz").Select(path => new PprofFile(path).Of("hold_large", "inuse_space")).Order()];
        Assert.Equal(2, held.Length);
        AssertClose(42e6, held[0]);
        AssertClose(84e6, held[1]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("aligned")]
    [InlineData("moved")]
    [InlineData("thread")]
    public void OneIsWrittenWhenMemoryRunsOut(string how)
    {
        Profiled("p.pb.gz", "grow", how).With("NATIVEMALLOC_LIMIT", "200M").Run().Succeeded();
        PprofFile file = new(Path.Combine(_folder, "p.no_memory.pb.gz"));
        AssertClose(42e6, file.Of("hold_large", "inuse_space"));
        Assert.True(file.Of("grow", "inuse_space") > (how == "moved" ? 30e6 : 100e6));
        Assert.False(File.Exists(Path.Combine(_folder, "p.pb.gz"))); // it ended by _exit
    }

    // Of address space, so that the kernel has nothing to give.
    [Fact]
    public void OneIsWrittenWhenTheKernelHasNoMore()
    {
        Command.Shell($"ulimit -v 400000; exec {s_program} grow").Preloaded()
            .With("NATIVEMALLOC_SAMPLE", Distance).With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, "p.pb.gz")).Run().Succeeded();
        AssertClose(42e6, new PprofFile(Path.Combine(_folder, "p.no_memory.pb.gz")).Of("hold_large", "inuse_space"));
    }

    [Fact]
    public void OneIsWrittenEachTimeThatTheSoftLimitIsCrossed()
    {
        Profiled("p.heap", "soft").With("NATIVEMALLOC_SOFT_LIMIT", "30M").Run().Succeeded();
        Dictionary<string, double> last = Read("google-pprof", "p.soft_limit.heap", s_program);
        Assert.InRange(last["hold_large"], 25e6, 42.5e6); // the second time
        Assert.DoesNotContain("hold_small", last.Keys);
        Assert.True(File.Exists(Path.Combine(_folder, "p.heap")));

        Profiled("q.heap").With("NATIVEMALLOC_SOFT_LIMIT", "300M").Run().Succeeded();
        Assert.False(File.Exists(Path.Combine(_folder, "q.soft_limit.heap")));
    }

    [Fact]
    public void WhatCannotBeWrittenIsToldInOneLine()
    {
        File.CreateSymbolicLink(Path.Combine(_folder, "link"), "/dev/null");
        Assert.Matches(@"^nativemalloc: NATIVEMALLOC_PROFILE: the profile could not be written to \S+/link, errno 40: it is a symbolic link.*\n$", Profiled("link").Run().Succeeded().Error);
        Assert.Matches(@"^nativemalloc: NATIVEMALLOC_PROFILE: the profile could not be written to \S+/no/such, errno 2\n$", Profiled("no/such").Run().Succeeded().Error);
        Outcome full = new Command(s_program).Preloaded().With("NATIVEMALLOC_PROFILE", "/dev/full").Run().Succeeded();
        Assert.Equal("nativemalloc: NATIVEMALLOC_PROFILE: the profile could not be written to /dev/full, errno 28\n", full.Error);
    }

    // The schema's references are whole in each, whatever came between the file's parts.
    [Fact]
    public void TheyAreWholeWhileThreadsAllocateLoadAndFork()
    {
        string program = TestProgram.Path("profiling", "", "-I" + Repository.Header, Repository.StaticLibrary, "-ldl");
        new Command(program, _folder, TestProgram.Library("opener")).Run().Succeeded();
        for (int i = 0; i < 10; i++)
        {
            Profile profile = PprofFile.Parse(Path.Combine(_folder, $"{i}.pb.gz"));
            HashSet<ulong> locations = [.. profile.Location.Select(location => location.Id)];
            HashSet<ulong> mappings = [.. profile.Mapping.Select(mapping => mapping.Id)];
            Assert.Equal((profile.Location.Count, profile.Mapping.Count), (locations.Count, mappings.Count));
            Assert.NotEmpty(profile.Sample);
            Assert.All(profile.Sample, sample => Assert.True(sample.LocationId.All(locations.Contains) && sample.Value.Count == 7 && sample.Value.All(value => value >= 0)));
            Assert.All(profile.Location, location => Assert.True(location.MappingId == 0 || mappings.Contains(location.MappingId)));
            Assert.All(Folded($"{i}.folded"), line => Assert.DoesNotContain(";;", line.Stack));
            Assert.EndsWith("\n", File.ReadAllText(Path.Combine(_folder, $"{i}.heap")));
        }
    }

    [Fact]
    public void VerboseSaysThatSamplesAreTaken()
    {
        Assert.Contains(", a sample every 524288 bytes\n", new Command("true").Preloaded().With("NATIVEMALLOC_VERBOSE", "1").With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, "p")).Run().Succeeded().Error);
        Assert.Contains(", a sample every 16384 bytes\n", Profiled("p").With("NATIVEMALLOC_VERBOSE", "1").Run().Succeeded().Error);
    }

    [Fact]
    public void AProgramThatAllocatesLittleWritesOneToo()
    {
        new Command("true").Preloaded().With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, "p.pb.gz")).Run().Succeeded();
        PprofFile file = new(Path.Combine(_folder, "p.pb.gz"));
        Assert.Equal(512 << 10, file.Profile.Period);
        Assert.NotEmpty(file.Profile.Mapping);
    }

    private Command Profiled(string path, params string[] arguments) =>
        new Command(s_program, arguments).Preloaded().With("NATIVEMALLOC_SAMPLE", Distance).With("NATIVEMALLOC_PROFILE", Path.Combine(_folder, path));

    private string WriteAll()
    {
        string program = TestProgram.Path("profiled", "", "-I" + Repository.Header, Repository.StaticLibrary);
        new Command(program, "write", _folder).Run().Succeeded();
        return program;
    }

    private (string Stack, double Bytes)[] Folded(string file) =>
        [.. File.ReadAllLines(Path.Combine(_folder, file)).Select(line => (line[..line.LastIndexOf(' ')], double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture)))];

    // Bytes by functions, of stacks in which they are.
    private Dictionary<string, double> Read(string reader, string file, string program, params string[] options)
    {
        string text = new Command(reader, ["--text", "--show_bytes", "--cum", .. options, program, Path.Combine(_folder, file)]).Run().Succeeded().Output;
        return Regex.Matches(text, @"(?m)^ *-?\d+ +\S+% +\S+% +(-?\d+) +\S+% (.+)$")
            .Where(match => match.Groups[1].Value != "0").ToDictionary(match => match.Groups[2].Value, match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    private static void AssertClose(double expected, double actual, double error = Error) => Assert.InRange(actual, expected * (1 - error), expected * (1 + error));
}

using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>nativemalloc doctor: heaps with one trouble each, which is the first that it names.</summary>
public sealed class DoctorTests
{
    [Theory]
    [InlineData("leak", "", @"growing: in use grew by \d+\.\d [KM]iB in .* of 8 steps: .* in blocks of 112 bytes\.")]
    [InlineData("caches", "INDEX=cpu_id", @"caches: .* in caches: .* nothing changed while this looked\.")]
    [InlineData("span", "", @"spans of 1024 bytes: .* in \d+ spans of blocks of 1024 bytes, \d+ % in use\.")]
    [InlineData("survivors", "", @"spans: \d+\.\d MiB are free in spans, .*, 5 % in use\.")]
    [InlineData("large", "", @"large blocks: \d+\.\d MiB of what is in use are 1 large block, of 200\.0 MiB at 0x")]
    [InlineData("huge", "HUGE_PAGES=always", @"huge pages: \d+\.\d MiB more are resident ")]
    [InlineData("threads", "INDEX=thread", @"sleeping threads: .* of threads, .*: their threads sleep\.")]
    [InlineData("plain", "SOFT_LIMIT=20M", @"soft limit: \d+\.\d MiB are in spans, more than the soft limit of 20\.0 MiB: ")]
    [InlineData("plain", "LIMIT=43M", @"limit: \d+\.\d MiB are in spans and structures, and the limit is 43\.0 MiB: ")]
    [InlineData("fork", "", @"forked: \d+\.\d MiB of the heap's \d+\.\d MiB of memory are shared ")]
    [InlineData("mapped", "", @"elsewhere: 8\d\.\d MiB of \d+\.\d MiB that are resident are not malloc's: 3\d\.\d MiB of files and shared memory, 5\d\.\d MiB that the program has mapped itself")]
    [InlineData("plain", "", @"nothing: ")]
    public void WhatWasPlantedIsNamedFirst(string trouble, string option, string expected)
    {
        Command command = TestProgram.Run("ailing", trouble).Preloaded();
        string[] setting = option.Split('=');
        using RunningProgram program = (option == "" ? command : command.With("NATIVEMALLOC_" + setting[0], setting[1])).Start();
        string number = trouble == "fork" ? program.Line() : program.Number.ToString();
        program.Ready();
        Assert.Matches("^" + expected, Verdicts(number)[0]);
        Assert.Equal(0, program.End());
    }

    // Where the machine stood still, the looks that are left are as far apart as any: between hurried ones nothing would have grown.
    [Fact]
    public void OneThatStoodStillSeesGrowthNevertheless()
    {
        using RunningProgram program = TestProgram.Run("ailing", "leak").Preloaded().Start().Ready();
        using RunningProgram doctor = new Command(Installation.Program, "doctor", program.Number.ToString(), "--seconds", "1").Start();
        Thread.Sleep(400);
        doctor.StandStill(TimeSpan.FromSeconds(1));
        Assert.Contains("\ngrowing: in use grew by ", doctor.Output);
        Assert.Equal(0, doctor.Wait());
        Assert.Equal(0, program.End());
    }

    [Fact]
    public void ProgramWithItsOwnMallocIsToldApart()
    {
        using RunningProgram program = TestProgram.Run("own_malloc", "ready").Preloaded().Start().Ready();
        Assert.Equal(["not in use: NativeMalloc is loaded, and the program brings its own malloc: of its memory nothing is known here."], Verdicts(program.Number.ToString()));
        Assert.Equal(0, program.End());
    }

    // Each on a line of its own. What is printed fits into 80 columns.
    private static string[] Verdicts(string number)
    {
        string output = new Command(Installation.Program, "doctor", number, "--seconds", "1").Run().Succeeded().Output;
        Assert.All(output.Split('\n').Skip(1), line => Assert.InRange(line.Length, 0, 79));
        return [.. Regex.Replace(output, "\n    ", " ").Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)];
    }
}

using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

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
        AssertRefused("/no/such/file cannot be read: .*", Profile("/no/such/file"));
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
        Thread.Sleep(300);
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

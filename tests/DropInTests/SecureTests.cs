using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>A program that runs with another user's rights takes no option from its caller.</summary>
public sealed class SecureTests
{
    [RootFact]
    public void OptionsAreIgnoredInASetuidProgram()
    {
        // Where every user may go; linked statically, since the loader would not take the library from here.
        string folder = Directory.CreateTempSubdirectory("nativemalloc.").FullName;
        try
        {
            string program = Path.Combine(folder, "secure");
            new Command("gcc", "-O1", "-fno-builtin", "-static", Path.Combine(Repository.Programs, "secure.c"), Repository.StaticLibrary,
                "-o", program).Run().Succeeded();
            Command.Shell($"chmod 777 {folder} && chown nobody {program} && chmod 755 {program}").Run().Succeeded();

            // The options work while the program has its caller's rights, or the test would show nothing.
            Assert.Equal("0\n", RunAsDaemon(program, folder, "before").Output);
            Assert.True(File.Exists(Path.Combine(folder, "before.json")));
            Assert.True(File.Exists(Path.Combine(folder, "before.pb.gz")));

            Command.Shell($"chmod u+s {program}").Run().Succeeded();
            Outcome outcome = RunAsDaemon(program, folder, "after");
            Assert.Equal("1\n", outcome.Output);
            Assert.Equal("", outcome.Error);
            Assert.False(File.Exists(Path.Combine(folder, "after.json")));
            Assert.False(File.Exists(Path.Combine(folder, "after.pb.gz")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Outcome RunAsDaemon(string program, string folder, string name) =>
        new Command("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", program)
            .With("NATIVEMALLOC_STATS", $"json:{folder}/{name}.json")
            .With("NATIVEMALLOC_PROFILE", $"{folder}/{name}.pb.gz")
            .With("NATIVEMALLOC_VERBOSE", name == "after" ? "loud" : "")
            .With("NATIVEMALLOC_INDEX", name == "after" ? "numa" : "").Run().Succeeded();
}

/// <summary>A test that only root can make.</summary>
internal sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = Environment.IsPrivilegedProcess ? null : "only root can make a program setuid";
}

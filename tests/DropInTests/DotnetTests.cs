using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>.NET's runtime on the library, and the command as .NET's tool.</summary>
[Collection(ManagedLibrary.Builds)]
public sealed class DotnetTests
{
    /// <summary>Hosted in programs in C, falling and leaving a dump, under a debugger.</summary>
    [Fact]
    public void RuntimeLivesWithIt() => new Command(Path.Combine(Repository.Root, "tests", "dotnet.sh")).Run().Succeeded();

    [Fact]
    public void CommandIsADotnetTool()
    {
        string folder = Repository.NewFolder("tool"), feed = Path.Combine(folder, "feed"), tools = Path.Combine(folder, "tools");
        Installation.Make("all");
        new Command(Path.Combine(Repository.Root, "packaging", "NuGet", "tool.sh"), feed).Run().Succeeded();
        Assert.Equal(
            ["NativeMalloc.Tool", "NativeMalloc.Tool.linux-musl-x64", "NativeMalloc.Tool.linux-x64"],
            Installation.Files(feed).Select(file => file.Replace($".{Installation.Version}.nupkg", "")));

        // Of these packages alone, and with a cache of its own: the version is the same from one build to the next.
        Command Dotnet(params string[] arguments) => new Command("dotnet", arguments).In(folder).With("NUGET_PACKAGES", Path.Combine(folder, "packages"))
            .With("PATH", tools + ":" + Environment.GetEnvironmentVariable("PATH"));
        Dotnet("tool", "install", "--tool-path", tools, "--source", feed, "NativeMalloc.Tool").Run().Succeeded();
        Assert.Equal($"nativemalloc {Installation.Version}\n", Dotnet("nativemalloc", "--version").Run().Succeeded().Output);
        Assert.Equal($"nativemalloc {Installation.Version}\n", Dotnet("tool", "exec", "NativeMalloc.Tool", "--source", feed, "--yes", "--", "--version").Run().Succeeded().Output);

        // What it runs it finds, and shows.
        using RunningProgram program = new Command(Path.Combine(tools, "dotnet-nativemalloc"), "run", "sh", "-c", "echo ready; read end").Start().Ready();
        Assert.Contains(Dotnet("nativemalloc", "ps").Run().Succeeded().Output.Split('\n'), line => line.TrimStart().StartsWith($"{program.Number} "));
        Assert.Contains("in use by the program", Dotnet("nativemalloc", "stats", $"{program.Number}").Run().Succeeded().Output);

        // For musl the same, but for the runtime.
        Command.Shell($"mkdir musl && cd musl && python3 -m zipfile -e {feed}/NativeMalloc.Tool.linux-musl-x64.*.nupkg . && chmod 755 tools/any/linux-musl-x64/*").In(folder).Run().Succeeded();
        string command = Path.Combine(folder, "musl", "tools", "any", "linux-musl-x64", "nativemalloc");
        Assert.Contains("in use by the program", new Command(command, "stats", $"{program.Number}").Run().Succeeded().Output);
    }
}

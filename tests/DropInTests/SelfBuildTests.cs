using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The project builds itself under its own library.</summary>
public sealed class SelfBuildTests
{
    [Fact]
    public void EveryCompilerProcessRunsOnTheLibrary()
    {
        string folder = Repository.NewFolder("selfbuild");
        string library = Path.Combine(folder, "preloaded.so");
        string statistics = Directory.CreateDirectory(Path.Combine(folder, "statistics")).FullName;
        string tree = Directory.CreateDirectory(Path.Combine(folder, "tree")).FullName;
        File.Copy(Repository.Library, library);
        Command.Shell($"cp -r NativeMalloc Shim packaging build.sh Directory.Build.props global.json .editorconfig '{tree}'")
            .In(Repository.Root).Run().Succeeded();

        Outcome outcome = new Command(Path.Combine(tree, "build.sh")).In(tree)
            .With("LD_PRELOAD", library).With("NATIVEMALLOC_STATS", $"json:{statistics}/%p.json").Run().Succeeded();
        Assert.Contains("built", outcome.Output);
        foreach (string file in (string[])["libnativemalloc.so", "libnativemalloc.a"])
        {
            byte[] here = File.ReadAllBytes(Path.Combine(Repository.Root, "out", file));
            Assert.True(here.AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(tree, "out", file))), $"built in another folder, {file} is another");
        }

        Assert.DoesNotContain("cannot be preloaded", outcome.Error + outcome.Output + File.ReadAllText(Path.Combine(tree, "out", "obj", "ilc.log")));

        string[] reports = Directory.GetFiles(statistics);
        Assert.InRange(reports.Length, 20, 10000);
        foreach (string report in reports)
        {
            Assert.Equal("per-cpu", Statistics.Read(report).Text("front_end"));
            Assert.True(Statistics.Read(report).GetProperty("active").GetBoolean());
        }
    }
}

using System.IO;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The table of size classes is what its command computes.</summary>
public sealed class SizeClassListTests
{
    [Fact]
    public void TheTableIsWhatTheCommandComputesFromTheRecordedSizes()
    {
        string tree = Repository.NewFolder("classes");
        Command.Shell($"cp -r --parents perf/common.sh perf/classes.sh perf/classes.c perf/sizes.txt NativeMalloc/SizeClasses '{tree}'").In(Repository.Root).Run().Succeeded();
        string list = Path.Combine(tree, "NativeMalloc", "SizeClasses", "SizeClassList.cs");
        File.Delete(list);

        new Command(Path.Combine(tree, "perf", "classes.sh")).In(tree).Run().Succeeded();

        string committed = Path.Combine(Repository.Root, "NativeMalloc", "SizeClasses", "SizeClassList.cs");
        Assert.Equal(File.ReadAllText(committed), File.ReadAllText(list));
    }
}

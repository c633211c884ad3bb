using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// The package for .NET, used from a folder that has nothing else: an app starts on the library, has it linked, and its image preloads it. (make nuget-test does
/// that for more kinds of apps.)
/// </summary>
[Collection(ManagedLibrary.Builds)]
public sealed class NuGetTests
{
    [Fact]
    public void AppsUseThePackage()
    {
        string script = Path.Combine(Repository.Root, "tests", "nuget.sh");
        Assert.Equal("ok package\nok web\nok aot\nok container\n", new Command(script, "package", "web", "aot", "container").Run().Succeeded().Output);
    }
}

using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What the rules may know: numbers, which they are given.</summary>
public sealed partial class PoliciesTests
{
    [Fact]
    public void PoliciesKnowNumbersOnly()
    {
        string[] files = Directory.GetFiles(Repository.At("NativeMalloc/Policies"), "*.cs", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Assert.Empty(files.Where(file => OtherThanNumbers().IsMatch(WithoutComments(File.ReadAllText(file)))).Select(Path.GetFileName));
    }

    // Pointers, locks, the clock, and whatever asks the heap, the options, the kernel or the shim by itself.
    [GeneratedRegex(@"\bunsafe\b|\b(Heap|Options|Clock|Os|Shim|Metadata|PageHeap|FutexLock|Interlocked)\b\s*[.(*]|\bFutexLock\b|\bApart<|\bstatic \w+ s_")]
    private static partial Regex OtherThanNumbers();

    private static string WithoutComments(string source) => Comments().Replace(source, "");

    [GeneratedRegex("//.*")]
    private static partial Regex Comments();
}

using System.Xml.Linq;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// What C, POSIX and glibc's manual promise, as the checks of tests/programs/conformance.c: each holds of this library, and of
/// glibc's own malloc but for those that the program lists.
/// </summary>
public sealed class ConformanceTests
{
    private const int NotOffered = 77;

    public static TheoryData<string> Checks => [.. Lines(TestProgram.Run("conformance", "--list"))];

    [Theory]
    [MemberData(nameof(Checks))]
    public void Holds(string check) => TestProgram.Run("conformance", check).Preloaded().Run().Succeeded();

    [Theory]
    [MemberData(nameof(Checks))]
    public void HoldsOfGlibcOrIsListed(string check)
    {
        Outcome outcome = TestProgram.Run("conformance", check).Run();
        string[] deviations = Lines(TestProgram.Run("conformance", "--glibc-deviates"));
        bool listed = deviations.Any(line => line.StartsWith(check + ":", StringComparison.Ordinal));
        if (listed)
        {
            Assert.Equal(1, outcome.ExitCode);
        }
        else if (outcome.ExitCode != NotOffered)
        {
            outcome.Succeeded();
        }
    }

    // All of them in one run: only what does not hold is printed.
    [Fact]
    public void HoldsInCheckingMode() =>
        Assert.Equal("", TestProgram.Run("conformance").Preloaded().With("NATIVEMALLOC_CHECK", "1").Run().Succeeded().Output);

    [Fact]
    public void AlignmentsAndSizesAtTheEndsComeOutAsUnderGlibc()
    {
        string glibc = TestProgram.Run("extremes").Run().Succeeded().Output;
        Assert.Equal(glibc, TestProgram.Run("extremes").Preloaded().Run().Succeeded().Output);
        Assert.Equal(glibc, TestProgram.Run("extremes").Preloaded().With("NATIVEMALLOC_CHECK", "1").Run().Succeeded().Output);
    }

    // Each fault of tests/programs/faulty.c is found by the check that is about it.
    [Theory]
    [InlineData("aligned-to-8", "alignment")]
    [InlineData("aligned-to-8", "alignment-many")]
    [InlineData("null-for-0", "malloc-0")]
    [InlineData("short", "usable-size")]
    [InlineData("wasteful", "usable-size-waste")]
    [InlineData("twice", "freed-by-others")]
    [InlineData("no-errno", "too-large-malloc")]
    [InlineData("dirty", "calloc-zero")]
    [InlineData("dirty", "calloc-reused")]
    [InlineData("dirty", "calloc-reused-to-its-end")]
    [InlineData("dirty", "calloc-among-others")]
    [InlineData("overflow", "overflow-calloc")]
    [InlineData("keeps-for-0", "realloc-0")]
    [InlineData("lost-on-failure", "failed-realloc")]
    [InlineData("loses-contents", "realloc-across")]
    [InlineData("loses-contents", "realloc-steps")]
    [InlineData("loses-contents", "realloc-random")]
    [InlineData("no-rounding", "memalign-rounds-up")]
    [InlineData("no-rounding", "aligned-memalign")]
    [InlineData("weak-alignment", "aligned-aligned_alloc")]
    [InlineData("touches-result", "posix_memalign-codes")]
    [InlineData("touches-result", "too-large-posix_memalign")]
    [InlineData("sets-errno", "posix_memalign-errno")]
    [InlineData("shares", "blocks-apart")]
    [InlineData("grows", "usable-size-constant")]
    [InlineData("never-told", "mallinfo2")]
    [InlineData("keeps-all", "malloc_trim")]
    [InlineData("free-errno", "free-errno-small")]
    [InlineData("free-errno", "free-errno-large")]
    public void FindsAFault(string fault, string check)
    {
        string faulty = TestProgram.Library("faulty");
        Outcome outcome = TestProgram.Run("conformance", check).With("LD_PRELOAD", faulty).With("FAULT", fault).Run();
        Assert.True(outcome.ExitCode == 1, $"exit code {outcome.ExitCode}\n{outcome.Error}");
        Assert.Contains("not so:", outcome.Error);
    }

    [Fact]
    public void FaultyWithoutAFaultPasses()
    {
        string faulty = TestProgram.Library("faulty");
        string[] checks =
            ["alignment", "malloc-0", "too-large-malloc", "calloc-reused", "failed-realloc", "realloc-random", "posix_memalign-codes"];
        foreach (string check in checks)
        {
            TestProgram.Run("conformance", check).With("LD_PRELOAD", faulty).Run().Succeeded();
        }
    }

    [Fact]
    public void TableHasEveryCheck()
    {
        string[] rows = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "conformance.md"));
        foreach (string check in Lines(TestProgram.Run("conformance", "--list")))
        {
            string row = Assert.Single(rows, row => row.StartsWith($"| `{check}` |", StringComparison.Ordinal));
            Assert.Equal("pass", row.Split('|')[3].Trim());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void MallocInfoIsXmlOfGlibcsSchema(bool preloaded)
    {
        Command command = TestProgram.Run("conformance", "malloc_info");
        XElement root = XDocument.Parse((preloaded ? command.Preloaded() : command).Run().Succeeded().Output).Root!;
        Assert.Equal("malloc", root.Name);
        Assert.Equal(["version"], Names(root.Attributes()));
        Assert.Equal("1", (string?)root.Attribute("version"));

        XElement[] heaps = root.Elements("heap").ToArray();
        Assert.NotEmpty(heaps);
        Assert.Equal(heaps, root.Elements().Take(heaps.Length));
        for (int number = 0; number < heaps.Length; number++)
        {
            Assert.Equal(number, Number(heaps[number], "nr"));
            XElement sizes = heaps[number].Elements().First();
            Assert.Equal("sizes", sizes.Name);
            Assert.NotEmpty(sizes.Elements());
            CheckSizes(sizes);
            CheckTotals(heaps[number].Elements().Skip(1), "fast", "rest");
        }

        CheckTotals(root.Elements().Skip(heaps.Length), "fast", "rest", "mmap");
        foreach (string type in new[] { "fast", "rest" })
        {
            foreach (string attribute in new[] { "count", "size" })
            {
                Assert.Equal(Number(Total(root, type), attribute), heaps.Sum(heap => Number(Total(heap, type), attribute)));
            }
        }
    }

    private static void CheckSizes(XElement sizes)
    {
        long last = -1;
        foreach (XElement size in sizes.Elements())
        {
            Assert.Contains(size.Name.LocalName, new[] { "size", "unsorted" });
            Assert.Equal(["from", "to", "total", "count"], Names(size.Attributes()));
            long from = Number(size, "from"), to = Number(size, "to"), count = Number(size, "count");
            Assert.True(from <= to, size.ToString());
            Assert.InRange(Number(size, "total"), count * from, count * to);
            if (size.Name == "size")
            {
                Assert.True(from > last, size.ToString());
                Assert.True(count > 0, size.ToString());
                last = from;
            }
        }
    }

    // The totals, then the sums of what came from the system: always the same elements in the same order.
    private static void CheckTotals(IEnumerable<XElement> elements, params string[] totals)
    {
        string[] expected = [.. totals.Select(type => "total " + type), "system current", "system max", "aspace total", "aspace mprotect"];
        XElement[] found = elements.Where(element => (string?)element.Attribute("type") != "subheaps").ToArray();
        Assert.Equal(expected, found.Select(element => $"{element.Name} {(string?)element.Attribute("type")}"));
        foreach (XElement element in found)
        {
            Assert.Equal(element.Name == "total" ? ["type", "count", "size"] : ["type", "size"], Names(element.Attributes()));
            Assert.True(Number(element, "size") >= 0);
        }

        Assert.True(Number(found[totals.Length], "size") > 0);
        Assert.True(Number(found[totals.Length], "size") <= Number(found[totals.Length + 1], "size"));
    }

    private static XElement Total(XElement parent, string type) =>
        parent.Elements("total").Single(total => (string?)total.Attribute("type") == type);

    private static string[] Names(IEnumerable<XAttribute> attributes) => attributes.Select(attribute => attribute.Name.LocalName).ToArray();

    private static long Number(XElement element, string attribute) => long.Parse((string)element.Attribute(attribute)!);

    private static string[] Lines(Command command) =>
        command.Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

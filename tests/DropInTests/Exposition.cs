using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Metrics in OpenMetrics' or Prometheus' text format, read as strictly as their grammars are.</summary>
internal sealed partial class Exposition
{
    private readonly Dictionary<string, double> _samples = [];

    internal IReadOnlyDictionary<string, double> Samples => _samples;

    internal HashSet<string> Names { get; } = [];

    /// <summary>Fails the test where anything is not as the grammar has it.</summary>
    internal static Exposition Parse(string text, bool open)
    {
        Exposition all = new();
        string[] lines = text.Split('\n');
        Assert.Equal("", lines[^1]);
        lines = lines[..^1];
        if (open)
        {
            Assert.Equal("# EOF", lines[^1]);
            lines = lines[..^1];
        }

        HashSet<string> families = [];
        string family = "", type = "", unit = "";
        foreach (string line in lines)
        {
            if (Meta().Match(line) is { Success: true } meta)
            {
                (string kind, string name, string value) = (meta.Groups[1].Value, meta.Groups[2].Value, meta.Groups[3].Value);
                if (kind == "HELP")
                {
                    Assert.True(families.Add(name), "twice: " + name); // and so all of it stands together
                    (family, type, unit) = (name, "", "");
                    Assert.DoesNotMatch(@"[\\""]", value);
                }

                Assert.Equal(family, name);
                if (kind == "TYPE")
                {
                    type = value;
                    Assert.Contains(type, open ? ["gauge", "counter", "info"] : new[] { "gauge", "counter" });
                }
                else if (kind == "UNIT")
                {
                    unit = value;
                    Assert.True(open);
                    Assert.EndsWith("_" + unit, family);
                    Assert.Contains(unit, new[] { "bytes", "seconds", "ratio" });
                }

                continue;
            }

            Match sample = Sample().Match(line);
            Assert.True(sample.Success, line);
            string full = sample.Groups[1].Value;
            Assert.Equal(family + (open && type == "counter" ? "_total" : open && type == "info" ? "_info" : ""), full);
            Assert.Equal(type == "counter", full.EndsWith("_total"));
            Assert.False(open && unit == "" && Regex.IsMatch(family, "_(bytes|seconds|ratio)$"), "without a unit: " + family);
            string[] labels = [.. Label().Matches(sample.Groups[2].Value).Select(label => label.Groups[1].Value)];
            Assert.Equal(labels.Length, labels.Distinct().Count());
            all.Names.Add(full);
            all._samples.Add(full + sample.Groups[2].Value, double.Parse(sample.Groups[3].Value, CultureInfo.InvariantCulture)); // none is there twice
        }

        return all;
    }

    [GeneratedRegex(@"^# (HELP|TYPE|UNIT) ([a-z_]+) (\S.*)$")]
    private static partial Regex Meta();

    [GeneratedRegex(@"^([a-z_]+)((?:\{[a-z_]+=""(?:[^\\""]|\\[\\""n])*""(?:,[a-z_]+=""(?:[^\\""]|\\[\\""n])*"")*\})?) (\d+(?:\.\d+)?)$")]
    private static partial Regex Sample();

    [GeneratedRegex(@"([a-z_]+)=""(?:[^\\""]|\\.)*""")]
    private static partial Regex Label();
}

using System.Globalization;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>Metrics of one name: what it means, and a sample for each set of labels.</summary>
internal sealed class MetricFamily(string name, MetricType type, string unit, string help)
{
    private readonly StringBuilder _samples = new();

    internal void Add(string labels, decimal value)
    {
        _samples.Append(name).Append(Suffix);
        if (labels != "")
        {
            _samples.Append('{').Append(labels).Append('}');
        }

        _samples.Append(' ').Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    /// <summary>All of it. The formats differ in what a name is, and only OpenMetrics knows units and information.</summary>
    internal void Write(StringBuilder output, MetricsFormat format)
    {
        if (_samples.Length == 0)
        {
            return;
        }

        bool open = format == MetricsFormat.OpenMetrics;
        string full = open ? name : name + Suffix;
        string kind = type == MetricType.Counter ? "counter" : type == MetricType.Info && open ? "info" : "gauge";
        output.Append($"# HELP {full} {help}\n# TYPE {full} {kind}\n");
        if (open && unit != "")
        {
            output.Append($"# UNIT {full} {unit}\n");
        }

        output.Append(_samples);
    }

    /// <summary>A label, as both formats want it.</summary>
    internal static string Label(string name, string value) =>
        $"{name}=\"{value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"";

    private string Suffix => type switch { MetricType.Counter => "_total", MetricType.Info => "_info", _ => "" };
}

internal enum MetricType
{
    Gauge,
    Counter,
    Info,
}

internal enum MetricsFormat
{
    /// <summary>OpenMetrics 1.0.</summary>
    OpenMetrics,

    /// <summary>Prometheus' text format, 0.0.4, which the node exporter reads.</summary>
    Prometheus,
}

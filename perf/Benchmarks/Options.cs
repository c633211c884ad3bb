using CommandLine;

namespace NativeMalloc.Benchmarks;

/// <summary>The command line.</summary>
internal sealed class Options
{
    [Option("quick", HelpText = "A few patterns and programs, once, in about five minutes; the report goes to out/perf/quick.")]
    public bool Quick { get; set; }

    [Option("rounds", HelpText = "How often everything is measured, all allocators taking turns (default 5, programs 10).")]
    public int? Rounds { get; set; }

    [Option("only", HelpText = "Measure \"microbenchmarks\" or \"programs\" alone (with --where \"counts\" or \"times\"); the report takes the others from the last run.")]
    public string? Only { get; set; }

    [Option("report", HelpText = "Measure nothing: write the report of the last run anew.")]
    public bool ReportOnly { get; set; }

    [Option("timelines", HelpText = "Measure nothing: draw the resident memory over time that perf/dotnet.sh left in this folder.")]
    public string? Timelines { get; set; }

    [Option("picture", Default = "out/perf/timelines.svg", HelpText = "Where that is drawn.")]
    public string Picture { get; set; } = "";

    [Option("where", HelpText = "Find out where the time of whole programs goes: perf/where.md (out/perf/where/quick with --quick).")]
    public bool Where { get; set; }

    [Option("program", HelpText = "With --where: these alone; the report takes the others from the last run.")]
    public IEnumerable<string> Programs { get; set; } = [];
}

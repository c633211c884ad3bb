using System.CommandLine;

namespace NativeMalloc.Inspect;

/// <summary>nativemalloc stats PID|FILE.</summary>
internal static class StatsCommand
{
    internal static Command Create()
    {
        Argument<string> source = new("PID|FILE") { Description = "a process that runs on NativeMalloc, or the JSON that one wrote" };
        Option<bool> json = new("--json") { Description = "as JSON, instead of text" };
        Command command = new("stats", "Shows where a process's memory is, as it would write it itself.") { source, json };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(source), parsed.GetValue(json)));
        return command;
    }

    private static int Run(string source, bool json)
    {
        HeapView view = HeapView.Of(source);
        if (view is HeapFile { HasTheseClasses: false } && !json)
        {
            throw new Refusal($"{source}: was written by another version, with other size classes than this command's ({Layout.Version}): use --json");
        }

        Console.Out.Write(view is HeapFile file && json ? file.Text : ViewReport.Write(view, json));
        if (view is HeapReader { IsUncertain: true } reader)
        {
            StandardError.WriteLine($"stats: {reader.Process} changed so fast that its numbers add up only to within {SizeText.Of(reader.Statistics.Mended)}");
        }

        return 0;
    }
}

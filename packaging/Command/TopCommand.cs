using System.CommandLine;
using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>nativemalloc top PID.</summary>
internal static class TopCommand
{
    /// <summary>Ten looks a second: more than a person sees, and next to nothing for the process.</summary>
    internal const double LeastSeconds = 0.1;
    private const double MostSeconds = 3600;

    internal static Command Create()
    {
        Argument<int> process = OptionChecks.ProcessNumber();
        Option<double> interval = new("--interval") { HelpName = "SECONDS", Description = "from one look to the next", DefaultValueFactory = _ => 1 };
        interval.AcceptBetween(LeastSeconds, MostSeconds);
        Option<int?> batch = new("--batch") { HelpName = "N", Description = "no screen, but N lines of numbers" };
        batch.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !(int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out int lines) && lines > 0))
            {
                result.AddError("--batch: a number of lines is wanted");
            }
        });
        Command command = new("top", "Shows a process's memory while it goes on: where it is, how fast it is allocated, what grows.") { process, interval, batch };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(process), TimeSpan.FromSeconds(parsed.GetValue(interval)), parsed.GetValue(batch)));
        return command;
    }

    private static int Run(int number, TimeSpan interval, int? lines)
    {
        HeapReader reader = HeapReader.Of(number);
        if (!reader.Traits.IsActive)
        {
            throw reader.Process.Refuse("brings its own malloc: of its memory nothing is known here");
        }

        Watch watch = new(reader);
        return lines == null && Terminal.IsScreen ? new TopScreen(watch, interval).Run() : TopLines.Run(watch, interval, lines);
    }
}

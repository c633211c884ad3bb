using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>nativemalloc metrics: of all processes, for Prometheus and what else reads OpenMetrics.</summary>
internal static class MetricsCommand
{
    private const string OpenMetrics = "openmetrics";
    private const string Prometheus = "prometheus";

    private static PosixSignalRegistration[] s_ends = []; // which last as long as they are referred to

    internal static Command Create()
    {
        Option<string> listen = new("--listen") { HelpName = "[ADDRESS:]PORT", Description = "serve them at http://ADDRESS:PORT/metrics; ADDRESS is 127.0.0.1 unless it is given" };
        Option<string> file = new("--textfile") { HelpName = "PATH", Description = "write them to a file for the node exporter's textfile collector, whose name must end in .prom" };
        Option<int> interval = new("--interval") { HelpName = "SECONDS", Description = "with --textfile: write it again every so many seconds, until ended" };
        Option<bool> classes = new("--classes") { Description = "those of each size class, too: ten series for each size that a process has used" };
        Option<string> format = new("--format") { HelpName = "FORMAT", Description = "openmetrics, unless told otherwise, or prometheus: what is written to standard output" };
        format.AcceptOnly([OpenMetrics, Prometheus]);
        interval.AcceptFrom(1);
        Command command = new("metrics", "Prints metrics of all processes that run on NativeMalloc, or serves them, as far as you may look at them.") { listen, file, interval, classes, format };
        command.Validators.Add(result =>
        {
            bool has(Option option) => result.GetResult(option) is { Implicit: false };
            string? only(Option option) => result.GetResult(option)?.Tokens is [Token token] ? token.Value : null; // else the option's own error is said
            string? wrong = has(listen) && has(file) ? "--listen and --textfile exclude each other"
                : has(interval) && !has(file) ? "--interval is for --textfile"
                : has(format) && (has(listen) || has(file)) ? "--format is for what is printed"
                : only(listen) is string place && Address(place) == null ? "--listen: a port, or a numeric address and a port, is wanted"
                : only(file) is string path && !path.EndsWith(".prom") ? "--textfile: the node exporter reads only files whose names end in .prom"
                : null;
            if (wrong != null)
            {
                result.AddError(wrong);
            }
        });
        command.SetAction(parsed =>
        {
            bool withClasses = parsed.GetValue(classes);
            if (parsed.GetValue(listen) is string address)
            {
                EndWell();
                new MetricsServer(() => Metrics.Read(withClasses)).Run(Address(address)!);
            }
            else if (parsed.GetValue(file) is string path)
            {
                EndWell();
                WriteFile(path, withClasses, parsed.GetValue(interval));
            }
            else
            {
                Console.Out.Write(Metrics.Read(withClasses).Write(parsed.GetValue(format) == Prometheus ? MetricsFormat.Prometheus : MetricsFormat.OpenMetrics));
            }
        });
        return command;
    }

    // Null if it is neither.
    private static IPEndPoint? Address(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) ? new IPEndPoint(IPAddress.Loopback, port)
        : text.Contains(':') && !text.EndsWith(']') && IPEndPoint.TryParse(text, out IPEndPoint? address) && (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6 || text[0] == '[') ? address
        : null;

    // The collector sees the old file or the new one, each whole: it reads no names that end otherwise.
    private static void WriteFile(string path, bool classes, int interval)
    {
        string unfinished = path + ".new";
        do
        {
            try
            {
                File.Delete(unfinished); // of one that was killed
                using (StreamWriter writer = new(unfinished, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write }))
                {
                    writer.Write(Metrics.Read(classes).Write(MetricsFormat.Prometheus));
                }

                File.Move(unfinished, path, overwrite: true);
            }
            finally
            {
                File.Delete(unfinished);
            }

            Thread.Sleep(TimeSpan.FromSeconds(interval));
        }
        while (interval > 0);
    }

    // A service that is told to stop has not failed.
    private static void EndWell()
    {
        s_ends = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT }.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            Environment.Exit(0);
        }))];
    }
}

using System.CommandLine;
using System.CommandLine.Help;
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]

namespace NativeMalloc.Inspect;

/// <summary>What the command nativemalloc does besides starting programs. Its script runs this, with the subcommand as the first argument.</summary>
internal static class Program
{
    /// <summary>Of the terminals that nobody has made larger.</summary>
    private const int ScreenWidth = 79;

    private static int Main(string[] arguments)
    {
        Command all = new("nativemalloc", "Looks into processes that run on NativeMalloc.") 
        {
            PsCommand.Create(), StatsCommand.Create(), HeapMapCommand.Create(), DoctorCommand.Create(), TopCommand.Create(), ProfileCommand.Create(),
            MetricsCommand.Create(), new HelpOption { Recursive = true, Action = new HelpAction { MaxWidth = ScreenWidth } },
        };
        if (arguments is [Completion.Option, ..])
        {
            Completion.Write(all, arguments.AsSpan(1), Console.Out);
            return 0;
        }

        ParseResult parsed = all.Parse(arguments);
        string subcommand = parsed.CommandResult.Command.Name;
        if (parsed.Errors.Count > 0)
        {
            return Fail(2, $"{subcommand}: {parsed.Errors[0].Message.TrimEnd('.')}; see nativemalloc {subcommand} --help");
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception error) when (error is Refusal or IOException or UnauthorizedAccessException)
        {
            return Fail(1, $"{subcommand}: {error.Message}");
        }
    }

    // In one line.
    private static int Fail(int exitCode, string message)
    {
        Console.Error.WriteLine("nativemalloc: " + message.ReplaceLineEndings(" "));
        return exitCode;
    }
}

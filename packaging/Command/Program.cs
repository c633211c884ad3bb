using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
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
        Console.SetOut(new StreamWriter(new StandardOutput()) { AutoFlush = true });
        Command all = new("nativemalloc", "Looks into processes that run on NativeMalloc.") 
        {
            PsCommand.Create(), StatsCommand.Create(), HeapMapCommand.Create(), DoctorCommand.Create(), TopCommand.Create(), ProfileCommand.Create(),
            MetricsCommand.Create(), new HelpOption { Recursive = true, Action = new HelpAction { MaxWidth = ScreenWidth } },
        };
        if (arguments is [Completion.Option, ..])
        {
            return Completed(all, arguments.AsSpan(1));
        }

        ParseResult parsed = all.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        string subcommand = parsed.CommandResult.Command.Name;
        if (ErrorOf(parsed) is string wrong)
        {
            return Fail(2, $"{subcommand}: {wrong.TrimEnd('.')}; see nativemalloc {subcommand} --help");
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

    // A shell shows no errors here, but must not be told of a crash.
    private static int Completed(Command all, ReadOnlySpan<string> words)
    {
        try
        {
            Completion.Write(all, words, Console.Out);
            return 0;
        }
        catch (IOException)
        {
            return 1;
        }
    }

    // What looks like an option is taken for an argument where one is wanted, and the next word is then one too many.
    private static string? ErrorOf(ParseResult parsed)
    {
        foreach (Token token in parsed.Tokens)
        {
            if (token.Value.Length == 0)
            {
                return "an argument is empty";
            }

            if (token is { Type: TokenType.Argument, Value: ['-', '-', _, ..] } && !parsed.Tokens.Any(other => other.Type == TokenType.DoubleDash))
            {
                return $"there is no option {token.Value}";
            }
        }

        return parsed.Errors.Count > 0 ? parsed.Errors[0].Message : null;
    }

    // In one line; the exit code tells of it where nobody takes that.
    private static int Fail(int exitCode, string message)
    {
        StandardError.WriteLine(message.ReplaceLineEndings(" "));
        return exitCode;
    }
}

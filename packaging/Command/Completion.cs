using System.CommandLine;
using System.CommandLine.Completions;

namespace NativeMalloc.Inspect;

/// <summary>
/// What a shell may complete a command line with: nativemalloc --complete WORD..., the last word as far as it is typed. It comes from the commands
/// themselves, so that they complete as they are. Lines of a candidate and, behind a tab, what it is; ":files" stands for names of files, and
/// ":program N" says that a program's name is the Nth word, and what follows is its own.
/// </summary>
internal static class Completion
{
    internal const string Option = "--complete";

    private const string Files = ":files";
    private const string Run = "run";
    private const string SetsVariable = "--option";

    // What the script nativemalloc knows itself.
    private static readonly (string Name, string Description)[] s_scriptOptions =
    [
        ("--stats", "a report on standard error when a process ends"),
        ("--stats=json:", "the same as JSON in a file"),
        ("--verbose", "one line at the start of each process"),
        (SetsVariable, "sets a variable NATIVEMALLOC_NAME"),
        ("--help", "print the help"),
        ("--version", "print the version"),
        ("--", "ends the options"),
    ];

    private static readonly string[] s_variables =
    [
        "check", "huge-pages", "index", "limit", "names", "profile", "release-delay", "release-rate", "release-thread", "sample", "soft-limit", "stats", "verbose",
    ];

    /// <summary>Writes those that begin as the last word does.</summary>
    internal static void Write(Command all, ReadOnlySpan<string> words, TextWriter output)
    {
        string typed = words.Length > 0 ? words[^1] : "";
        string[] before = words.Length > 0 ? words[..^1].ToArray() : [];
        string same = ""; // of the word, what stays as it is
        int end = typed.IndexOf('=');
        if (end > 0 && WantsValue(all, before, typed[..end]))
        {
            before = [.. before, typed[..end]];
            same = typed[..(end + 1)];
            typed = typed[(end + 1)..];
        }

        bool isOption = typed.StartsWith('-');
        foreach ((string name, string description) in Candidates(all, before, typed))
        {
            // Options only where one begins.
            bool fits = name[0] == ':' ? name != Files || !isOption : name.StartsWith(typed, StringComparison.Ordinal) && name[0] == '-' == isOption;
            if (fits)
            {
                string line = name[0] == ':' ? name : same + name;
                output.Write(description == "" ? line + "\n" : $"{line}\t{description}\n");
            }
        }
    }

    // The option that may be written --NAME=VALUE.
    private static bool WantsValue(Command all, string[] before, string name) =>
        name == SetsVariable || all.Subcommands.Any(one => before.Contains(one.Name) && one.Options.Any(option => option.Name == name && TakesValue(option)));

    private static IEnumerable<(string Name, string Description)> Candidates(Command all, string[] before, string typed)
    {
        // Options of the script come first, and may be followed by a subcommand.
        bool runs = before is [Run, ..];
        bool hasSubcommands = !runs;
        int next = runs ? 1 : 0;
        for (; next < before.Length && before[next].StartsWith('-'); next++)
        {
            if (before[next] == SetsVariable && ++next >= before.Length)
            {
                return s_variables.Select(name => (name + "=", ""));
            }

            hasSubcommands &= next >= before.Length || before[next] != "--";
            if (before[next] == "--")
            {
                next++;
                break;
            }
        }

        if (next < before.Length)
        {
            return hasSubcommands && all.Subcommands.FirstOrDefault(one => one.Name == before[next]) is Command subcommand
                ? Candidates(subcommand, before[(next + 1)..])
                : [($":program {next + 1}", "")];
        }

        if (typed.StartsWith('-') && !before.Contains("--"))
        {
            return s_scriptOptions;
        }

        return
        [
            .. hasSubcommands ? all.Subcommands.Select(one => (one.Name, one.Description ?? "")) : [],
            .. before.Length == 0 ? [(Run, "runs a program that has a subcommand's name, too")] : Array.Empty<(string, string)>(),
            ($":program {next + 1}", ""),
        ];
    }

    private static IEnumerable<(string Name, string Description)> Candidates(Command command, string[] before)
    {
        int arguments = 0;
        for (int i = 0; i < before.Length; i++)
        {
            if (!before[i].StartsWith('-'))
            {
                arguments++;
            }
            else if (Find(before[i]) is Option option && TakesValue(option) && ++i >= before.Length)
            {
                return Values(option);
            }
        }

        return
        [
            .. arguments < command.Arguments.Count ? Values(command.Arguments[arguments]) : [],
            .. command.Options.Where(option => !option.Hidden && !before.Contains(option.Name)).Select(option => (option.Name, option.Description ?? "")),
            .. new[] { ("--help", "print the help") },
        ];

        Option? Find(string name) => command.Options.FirstOrDefault(option => option.Name == name || option.Aliases.Contains(name));
    }

    private static bool TakesValue(Option option) => option.ValueType != typeof(bool);

    private static IEnumerable<(string Name, string Description)> Values(Option option) =>
        option.HelpName is "FILE" or "PATH" ? [(Files, "")]
        : option.GetCompletions(CompletionContext.Empty).Select(value => (value.Label, ""));

    private static IEnumerable<(string Name, string Description)> Values(Argument argument) =>
        [.. argument.Name.Contains("PID") ? Processes() : [], .. argument.Name.Contains("FILE") ? [(Files, "")] : Array.Empty<(string, string)>()];

    private static IEnumerable<(string Name, string Description)> Processes()
    {
        foreach (int number in HeapProcess.Numbers())
        {
            string? name = null;
            try
            {
                name = HeapProcess.Of(number) is { Heap: not null } found ? found.Process.Name : null;
            }
            catch (Refusal)
            {
                // It may not be looked at, or has ended.
            }

            if (name != null)
            {
                yield return (number.ToString(), name);
            }
        }
    }
}

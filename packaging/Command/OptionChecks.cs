using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace NativeMalloc.Inspect;

/// <summary>What subcommands' options and arguments take; of anything else one line is said.</summary>
internal static class OptionChecks
{
    /// <summary>Seconds that a subcommand looks, or waits, at most.</summary>
    private const int OneDay = 86_400;

    /// <summary>An argument that is a process's number.</summary>
    internal static Argument<int> ProcessNumber() => new("PID")
    {
        Description = "a process that runs on NativeMalloc",
        CustomParser = result =>
        {
            if (!int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                result.AddError($"{result.Tokens[0].Value} is not a process's number");
            }

            return number;
        },
    };

    /// <summary>The option takes so many seconds, and up to a day's.</summary>
    internal static void AcceptFrom(this Option seconds, int least) => seconds.AcceptBetween(least, OneDay);

    /// <summary>The option takes numbers from the least to the most.</summary>
    internal static void AcceptBetween<T>(this Option option, T least, T most)
        where T : INumber<T> => option.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && !(T.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out T? number) && number >= least && number <= most))
        {
            result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name}: a number from {least} to {most} is wanted"));
        }
    });

    /// <summary>The option takes one of these words, which a shell may complete.</summary>
    internal static void AcceptOnly(this Option<string> option, ICollection<string> values)
    {
        option.CompletionSources.Add([.. values]);
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !values.Contains(result.Tokens[0].Value))
            {
                result.AddError($"{option.Name}: there are {string.Join(", ", values)}");
            }
        });
    }
}

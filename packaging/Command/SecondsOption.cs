using System.CommandLine;
using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>How long a subcommand looks, or waits.</summary>
internal static class SecondsOption
{
    private const int OneDay = 86_400;

    /// <summary>The option takes so many and up to a day's.</summary>
    internal static void AcceptFrom(this Option seconds, int least) => seconds.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && !(int.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out int number) && number >= least && number <= OneDay))
        {
            result.AddError($"{seconds.Name}: a number from {least} to {OneDay} is wanted");
        }
    });
}

namespace NativeMalloc.Inspect;

/// <summary>
/// Folded stacks, of which flame graphs are made: on each line the functions from the outermost on, and one value; or two, of another profile and of
/// this one, as differential flame graphs want it (a number below zero their readers would not understand).
/// </summary>
internal static class FoldedText
{
    internal static void Write(Profile profile, int type, Profile? before, TextWriter output)
    {
        profile.RefuseBelowZero([type], "folded", "name one by --base");
        Dictionary<string, long> lines = Lines(profile, type);
        Dictionary<string, long> linesBefore = [];
        if (before != null && before.IndexOf(profile.Types[type].Name) is >= 0 and var typeBefore)
        {
            before.RefuseBelowZero([typeBefore], "folded", "name a whole one by --base");
            linesBefore = Lines(before, typeBefore);
        }

        foreach (string line in lines.Keys.Union(linesBefore.Keys).Order(StringComparer.Ordinal))
        {
            string first = before == null ? "" : $" {linesBefore.GetValueOrDefault(line)}";
            output.Write($"{line}{first} {lines.GetValueOrDefault(line)}\n");
        }
    }

    private static Dictionary<string, long> Lines(Profile profile, int type)
    {
        Dictionary<string, long> lines = [];
        foreach (Profile.StackValues stack in profile.Stacks.Where(stack => stack.Values[type] != 0))
        {
            // The character that has a meaning.
            string line = string.Join(';', stack.Stack.Reverse().SelectMany(location => location.Names.Reverse()).Select(name => name.Replace(';', ':')));
            lines[line] = lines.GetValueOrDefault(line) + stack.Values[type];
        }

        return lines;
    }
}

namespace NativeMalloc.Inspect;

/// <summary>Folded stacks, of which flame graphs are made: on each line the functions from the outermost on, and one value.</summary>
internal static class FoldedText
{
    internal static void Write(Profile profile, int type, TextWriter output)
    {
        Dictionary<string, long> lines = [];
        foreach (Profile.StackValues stack in profile.Stacks.Where(stack => stack.Values[type] != 0))
        {
            // The character that has a meaning.
            string line = string.Join(';', stack.Stack.Reverse().SelectMany(location => location.Names.Reverse()).Select(name => name.Replace(';', ':')));
            lines[line] = lines.GetValueOrDefault(line) + stack.Values[type];
        }

        foreach ((string line, long value) in lines.OrderBy(line => line.Key, StringComparer.Ordinal))
        {
            output.Write($"{line} {value}\n");
        }
    }
}

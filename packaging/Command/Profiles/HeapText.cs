namespace NativeMalloc.Inspect;

/// <summary>
/// gperftools' format, version heap_v2: for each stack what is in use and what was allocated. The numbers are those of the samples, from which
/// readers reckon back by the line's mean size.
/// </summary>
internal static class HeapText
{
    internal static void Write(Profile profile, TextWriter output)
    {
        string[] names = ["inuse_objects", "inuse_space", "alloc_objects", "alloc_space"];
        int[] types = [.. names.Select(profile.IndexOf)];
        if (types.Contains(-1) || profile.Period <= 0)
        {
            throw new Refusal("this profile has not what the format 'heap' wants: what is in use, what was allocated, and how far samples lie apart");
        }

        List<(Profile.StackValues Stack, long[] Values)> lines = [];
        foreach (Profile.StackValues stack in profile.Stacks)
        {
            long[] values = [.. types.Select(type => stack.Values[type])];
            Sample(values.AsSpan(0, 2), profile.Period);
            Sample(values.AsSpan(2, 2), profile.Period);
            lines.Add((stack, values));
        }

        long Sum(int value) => lines.Sum(line => line.Values[value]);
        output.Write($"heap profile: {Sum(0)}: {Sum(1)} [{Sum(2)}: {Sum(3)}] @ heap_v2/{profile.Period}\n");
        foreach ((Profile.StackValues stack, long[] values) in lines.Where(line => line.Values[2] != 0 || line.Values[0] != 0))
        {
            // Readers expect the address behind the call.
            output.Write($"{values[0]}: {values[1]} [{values[2]}: {values[3]}] @{string.Concat(stack.Stack.Select(location => $" 0x{location.Address + 1:x}"))}\n");
        }

        output.Write("\nMAPPED_LIBRARIES:\n");
        foreach (Profile.Mapping mapping in profile.Mappings.Where(mapping => mapping.File != ""))
        {
            output.Write($"{mapping.Start:x}-{mapping.End:x} r-xp {mapping.Offset:x8} 00:00 0 {mapping.File}\n");
        }
    }

    // A sample of m bytes was taken with a probability of 1-e^(-m/R).
    private static void Sample(Span<long> objectsAndBytes, long period)
    {
        if (objectsAndBytes[0] == 0)
        {
            objectsAndBytes[1] = 0;
            return;
        }

        double mean = (double)objectsAndBytes[1] / objectsAndBytes[0];
        double sampled = objectsAndBytes[0] * -double.ExpM1(-mean / period);
        objectsAndBytes[0] = Math.Max(1, (long)Math.Round(sampled));
        objectsAndBytes[1] = (long)Math.Round(objectsAndBytes[0] * mean);
    }
}

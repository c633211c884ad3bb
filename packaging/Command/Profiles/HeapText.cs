namespace NativeMalloc.Inspect;

/// <summary>
/// gperftools' format, version heap_v2, as the library's own <see cref="HeapProfile{TSource}"/> writes it: for each stack one value, and in
/// brackets what was allocated. The numbers are those of samples, which readers unsample.
/// </summary>
internal static class HeapText
{
    internal static void Write(Profile profile, ProfileValue value, TextWriter output)
    {
        (int objects, int bytes) = profile.TypesOf(value);
        (int allAllocated, int bytesAllocated) = profile.TypesOf(ProfileValue.Allocated);
        if (objects < 0 || allAllocated < 0 || profile.Period <= 0)
        {
            throw new Refusal("the format 'heap' wants numbers of objects, and how far samples lie apart, which this profile does not have");
        }

        profile.RefuseBelowZero([bytes, bytesAllocated], "heap", "let its reader take off one (google-pprof --base)");
        static Totals Totals(Profile.StackValues stack, int objects, int bytes) => new() { Objects = stack.Values[objects], Bytes = stack.Values[bytes] };
        ulong mean = (ulong)profile.Period;
        foreach (Profile.StackValues stack in profile.Stacks)
        {
            mean = Raw.LeastMean(Totals(stack, objects, bytes), mean);
            mean = Raw.LeastMean(Totals(stack, allAllocated, bytesAllocated), mean);
        }

        List<(Profile.StackValues Stack, Raw First, Raw Second)> lines =
            [.. profile.Stacks.Select(stack => (stack, Raw.Of(Totals(stack, objects, bytes), mean), Raw.Of(Totals(stack, allAllocated, bytesAllocated), mean)))];
        lines.RemoveAll(line => line.First.Objects + line.Second.Objects == 0);
        Raw first = default, second = default;
        lines.ForEach(line => first.Add(line.First));
        lines.ForEach(line => second.Add(line.Second));
        output.Write($"heap profile: {Numbers(first, second)} @ {(mean > Exponential.EachBlock ? $"heap_v2/{mean}" : "heapprofile")}\n");
        foreach ((Profile.StackValues stack, Raw one, Raw other) in lines)
        {
            output.Write($"{Numbers(one, other)} @{Addresses(stack)}\n");
        }

        output.Write("\nMAPPED_LIBRARIES:\n");
        foreach (Profile.Mapping mapping in profile.Mappings.Where(mapping => mapping.File != ""))
        {
            output.Write($"{mapping.Start:x}-{mapping.End:x} r-xp {mapping.Offset:x8} 00:00 0 {Printable.Of(mapping.File)}\n");
        }
    }

    private static string Numbers(Raw first, Raw second) => $"{first.Objects}: {first.Bytes} [{second.Objects}: {second.Bytes}]";

    // Readers take one off all addresses but the first, and there must be one.
    private static string Addresses(Profile.StackValues stack)
    {
        ulong[] addresses = [.. stack.Stack.Select(location => location.Address).Where(address => address != 0).DefaultIfEmpty(1ul)];
        return string.Concat(addresses.Select((address, i) => $" 0x{(i == 0 ? address : address + 1):x}"));
    }
}

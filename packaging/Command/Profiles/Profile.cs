namespace NativeMalloc.Inspect;

/// <summary>A heap profile, as pprof's format has it: what stacks have allocated, in values of several types.</summary>
internal sealed class Profile
{
    internal List<ValueType> Types { get; } = [];
    internal List<Mapping> Mappings { get; } = [];
    internal List<StackValues> Stacks { get; } = [];

    /// <summary>Bytes from one sample to the next, on average.</summary>
    internal long Period { get; set; }

    /// <summary>When it was taken, in nanoseconds since 1970, and what time it covers.</summary>
    internal long Time { get; set; }
    internal long Duration { get; set; }
    internal List<string> Comments { get; } = [];
    internal string DefaultType { get; set; } = "";

    internal sealed record ValueType(string Name, string Unit);

    internal sealed class Mapping
    {
        internal ulong Start { get; init; }
        internal ulong End { get; init; }
        internal ulong Offset { get; init; }
        internal string File { get; init; } = "";
        internal string BuildId { get; init; } = "";

        /// <summary>How people call it.</summary>
        internal string ShortName => Path.GetFileName(File.EndsWith(" (deleted)") ? File[..^" (deleted)".Length] : File);
    }

    /// <summary>A place in the code: the instruction of a call.</summary>
    internal sealed class Location
    {
        internal ulong Address { get; init; }
        internal Mapping? Mapping { get; init; }

        /// <summary>The innermost of functions that were inlined first; empty where no symbol was found.</summary>
        internal List<Line> Lines { get; init; } = [];

        /// <summary>The same in another process, which has the file elsewhere.</summary>
        internal (string, ulong) Identity => Mapping is { File: not "" }
            ? (Mapping.BuildId != "" ? Mapping.BuildId : Mapping.File, Address - Mapping.Start + Mapping.Offset)
            : Lines.Count > 0 ? (Lines[0].Function.Name, 0) : ("", Address);

        /// <summary>The functions' names, or what can be said without.</summary>
        internal IEnumerable<string> Names => Lines.Count > 0
            ? Lines.Select(line => Printable.Of(line.Function.Name))
            : [Mapping is { File: not "" } ? $"{Printable.Of(Mapping.ShortName)}+0x{Address - Mapping.Start + Mapping.Offset:x}" : $"0x{Address:x}"];
    }

    internal sealed record Line(Function Function, long Number);

    internal sealed record Function(string Name, string LinkName, string File);

    /// <summary>A stack, the innermost place first.</summary>
    internal sealed record StackValues(Location[] Stack, long[] Values);

    /// <summary>Which value has that name; -1 if there is none.</summary>
    internal int IndexOf(string type) => Types.FindIndex(one => one.Name == type);

    /// <summary>Which values are the objects and the bytes of that; -1 for what there is not.</summary>
    internal (int Objects, int Bytes) TypesOf(ProfileValue value)
    {
        string name = value switch { ProfileValue.InUse => "inuse", ProfileValue.Allocated => "alloc", ProfileValue.Peak => "peak", _ => "held" };
        return (IndexOf(name + "_objects"), IndexOf(name + "_space"));
    }

    internal long Total(int type) => type < 0 ? 0 : Stacks.Sum(stack => stack.Values[type]);

    /// <summary>For a format whose readers know no numbers below zero: this may be the difference of two profiles.</summary>
    internal void RefuseBelowZero(int[] types, string format, string instead)
    {
        if (Stacks.Any(stack => types.Any(type => stack.Values[type] < 0)))
        {
            throw new Refusal($"the format '{format}' has no numbers below zero, and some stacks have less than before: write both profiles, and {instead}");
        }
    }

    /// <summary>Takes another profile's values off this one's, stack by stack.</summary>
    internal void Subtract(Profile other)
    {
        Dictionary<string, StackValues> byIdentity = [];
        foreach (StackValues stack in Stacks)
        {
            byIdentity.TryAdd(IdentityOf(stack.Stack), stack);
        }

        foreach (StackValues theirs in other.Stacks)
        {
            string identity = IdentityOf(theirs.Stack);
            if (!byIdentity.TryGetValue(identity, out StackValues? ours))
            {
                byIdentity.Add(identity, ours = new StackValues(theirs.Stack, new long[Types.Count]));
                Stacks.Add(ours);
            }

            for (int i = 0; i < Types.Count; i++)
            {
                int their = other.IndexOf(Types[i].Name);
                if (their >= 0)
                {
                    ours.Values[i] -= theirs.Values[their];
                }
            }
        }

        Mappings.AddRange(Stacks.SelectMany(stack => stack.Stack).Select(location => location.Mapping).OfType<Mapping>().Distinct().Except(Mappings).ToArray());
        Stacks.RemoveAll(stack => stack.Values.All(value => value == 0));
    }

    private static string IdentityOf(Location[] stack) => string.Join('\n', stack.Select(location => location.Identity));
}

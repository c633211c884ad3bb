using System.IO.Compression;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>pprof's format: profile.proto, in gzip.</summary>
internal static class PprofFile
{
    // The fields' numbers in profile.proto.
    private const int SampleType = 1, Sample = 2, Mapping = 3, Location = 4, Function = 5, Text = 6, Time = 9, Duration = 10, PeriodType = 11, Period = 12,
        Comment = 13, DefaultType = 14;

    internal static void Write(Profile profile, Stream output)
    {
        using GZipStream zipped = new(output, CompressionLevel.Fastest, leaveOpen: true);
        zipped.Write(Encode(profile));
    }

    private static byte[] Encode(Profile profile)
    {
        ProtobufWriter all = new();
        Numbers<string> texts = new("");
        Numbers<Profile.Mapping?> mappings = new(null);
        Numbers<Profile.Location?> locations = new(null);
        Numbers<Profile.Function?> functions = new(null);
        void Type(int field, Profile.ValueType type) =>
            all.Message(field, message => message.Number(1, texts.Of(type.Name)).Number(2, texts.Of(type.Unit)));

        profile.Types.ForEach(type => Type(SampleType, type));
        profile.Mappings.ForEach(mapping => mappings.Of(mapping));
        foreach (Profile.StackValues stack in profile.Stacks)
        {
            all.Message(Sample, message => message.Numbers(1, stack.Stack.Select(locations.Of)).Numbers(2, stack.Values));
        }

        foreach (Profile.Location location in locations.All.Skip(1)!)
        {
            all.Message(Location, message =>
            {
                message.Number(1, locations.Of(location)).Number(2, mappings.Of(location.Mapping)).Number(3, (long)location.Address);
                foreach (Profile.Line line in location.Lines)
                {
                    message.Message(4, part => part.Number(1, functions.Of(line.Function)).Number(2, line.Number));
                }
            });
        }

        HashSet<Profile.Mapping?> named = [.. locations.All.Skip(1).Where(location => location!.Lines.Count > 0).Select(location => location!.Mapping)];
        foreach (Profile.Mapping mapping in mappings.All.Skip(1)!)
        {
            all.Message(Mapping, message => message.Number(1, mappings.Of(mapping)).Number(2, (long)mapping.Start).Number(3, (long)mapping.End)
                .Number(4, (long)mapping.Offset).Number(5, texts.Of(mapping.File)).Number(6, texts.Of(mapping.BuildId)).Number(7, named.Contains(mapping) ? 1 : 0));
        }

        foreach (Profile.Function function in functions.All.Skip(1)!)
        {
            all.Message(Function, message => message.Number(1, functions.Of(function)).Number(2, texts.Of(function.Name))
                .Number(3, texts.Of(function.LinkName)).Number(4, texts.Of(function.File)));
        }

        all.Number(Time, profile.Time).Number(Duration, profile.Duration).Number(Period, profile.Period);
        Type(PeriodType, new Profile.ValueType("space", "bytes"));
        all.Numbers(Comment, profile.Comments.Select(texts.Of)).Number(DefaultType, texts.Of(profile.DefaultType));
        foreach (string text in texts.All)
        {
            all.Bytes(Text, Encoding.UTF8.GetBytes(text));
        }

        return all.ToArray();
    }

    /// <summary>Reads a file, in gzip or not.</summary>
    internal static Profile Read(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
            if (bytes is [0x1f, 0x8b, ..])
            {
                using MemoryStream plain = new();
                new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress).CopyTo(plain);
                bytes = plain.ToArray();
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Refusal($"{path} cannot be read: {error.Message}");
        }
        catch (InvalidDataException)
        {
            throw NoProfile(path);
        }

        try
        {
            Profile profile = Decode(bytes);
            return profile.Types.Count > 0 ? profile : throw NoProfile(path);
        }
        catch (Exception error) when (error is InvalidDataException or ArgumentException or IndexOutOfRangeException or KeyNotFoundException)
        {
            throw NoProfile(path);
        }
    }

    private static Refusal NoProfile(string path) => new($"{path}: no profile in pprof's format");

    // What refers to others comes before them in the file: so everything is collected first.
    private static Profile Decode(byte[] bytes)
    {
        Profile profile = new();
        List<string> texts = [];
        ILookup<int, ProtobufReader.Field> fields = ProtobufReader.Fields(bytes).ToLookup(field => field.Number);
        texts.AddRange(fields[Text].Select(field => Encoding.UTF8.GetString(field.Bytes.Span)));
        string TextOf(ILookup<int, ProtobufReader.Field> message, int field) => texts[(int)message.Number(field)];

        profile.Types.AddRange(fields[SampleType].Select(field => field.Parts).Select(type => new Profile.ValueType(TextOf(type, 1), TextOf(type, 2))));
        profile.Time = fields.Number(Time);
        profile.Duration = fields.Number(Duration);
        profile.Period = fields.Number(Period);
        profile.DefaultType = TextOf(fields, DefaultType);
        profile.Comments.AddRange(fields.Numbers(Comment).Select(text => texts[(int)text]));

        Dictionary<long, Profile.Mapping?> mappings = new() { [0] = null };
        foreach (ILookup<int, ProtobufReader.Field> mapping in fields[Mapping].Select(field => field.Parts))
        {
            Profile.Mapping one = new()
            {
                Start = (ulong)mapping.Number(2), End = (ulong)mapping.Number(3), Offset = (ulong)mapping.Number(4), File = TextOf(mapping, 5), BuildId = TextOf(mapping, 6),
            };
            mappings.Add(mapping.Number(1), one);
            profile.Mappings.Add(one);
        }

        Dictionary<long, Profile.Function> functions = fields[Function].Select(field => field.Parts)
            .ToDictionary(function => function.Number(1), function => new Profile.Function(TextOf(function, 2), TextOf(function, 3), TextOf(function, 4)));
        Dictionary<long, Profile.Location> locations = fields[Location].Select(field => field.Parts).ToDictionary(
            location => location.Number(1),
            location => new Profile.Location
            {
                Mapping = mappings[location.Number(2)],
                Address = (ulong)location.Number(3),
                Lines = [.. location[4].Select(field => field.Parts).Select(line => new Profile.Line(functions[line.Number(1)], line.Number(2)))],
            });
        foreach (ILookup<int, ProtobufReader.Field> sample in fields[Sample].Select(field => field.Parts))
        {
            long[] values = [.. sample.Numbers(2)];
            profile.Stacks.Add(values.Length == profile.Types.Count
                ? new Profile.StackValues([.. sample.Numbers(1).Select(number => locations[number])], values)
                : throw new InvalidDataException());
        }

        return profile;
    }

    // Numbers things in the order in which they are first asked for; one has 0.
    private sealed class Numbers<T>
    {
        private readonly Dictionary<ValueTuple<T>, long> _numbers = [];

        internal List<T> All { get; } = [];

        internal Numbers(T first) => Of(first);

        internal long Of(T one)
        {
            if (!_numbers.TryGetValue(new(one), out long number))
            {
                _numbers.Add(new(one), number = All.Count);
                All.Add(one);
            }

            return number;
        }
    }
}

using System.Runtime.InteropServices;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>Reads what a process's sampler knows, as the process has it at the moment. It goes on taking samples meanwhile.</summary>
internal sealed unsafe class SamplerReader(TargetProcess process, Library library)
{
    /// <summary>
    /// The peak's values belong to one moment; where another peak came while they were read, they are read again. A heap that grows all the time
    /// would have it go on for ever: then they are those of moments that lie as close together as this takes.
    /// </summary>
    private const int MostTries = 10;

    private static readonly Profile.ValueType[] s_types =
    [
        new("alloc_objects", "count"), new("alloc_space", "bytes"), new("inuse_objects", "count"), new("inuse_space", "bytes"),
        new("peak_objects", "count"), new("peak_space", "bytes"), new("held_space", "bytes"),
    ];

    // What stacks had allocated when the time began that the profile is to cover, by their addresses: they never move.
    private readonly Dictionary<ulong, Totals> _before = [];

    /// <summary>From now on counts what is allocated.</summary>
    internal void Begin()
    {
        foreach ((ulong address, CallStack stack, _) in process.Understand(() => ReadStacks((ulong)process.Read<SamplerState>((ulong)library.Roots.Sampler).FirstStack)))
        {
            _before.Add(address, stack.Allocated);
        }
    }

    /// <summary>A profile without names, with the mean distance of samples that was in force.</summary>
    internal Profile Read(ulong mean, IReadOnlyList<LoadedImage> images, List<MapLine> map) => process.Understand(() => ReadAll(mean, images, map));

    private Profile ReadAll(ulong mean, IReadOnlyList<LoadedImage> images, List<MapLine> map)
    {
        SamplerState state = default;
        List<(ulong Address, CallStack Stack, ulong[] Frames)> stacks = [];
        for (int tries = 0; tries < MostTries; tries++)
        {
            ulong place = (ulong)library.Roots.Sampler;
            state = process.Read<SamplerState>(place);
            stacks = ReadStacks((ulong)state.FirstStack);
            if (process.Read<SamplerState>(place).PeakMoment == state.PeakMoment)
            {
                break;
            }
        }

        Profile profile = new()
        {
            Period = (long)mean, Time = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100, DefaultType = "inuse_space",
        };
        profile.Types.AddRange(s_types);
        profile.Mappings.AddRange(Mappings(images, map));
        Dictionary<ulong, double> held = HeldReader.Read(process, library.Roots, out PinnedBytes all);
        AddStacks(profile, stacks, state.PeakMoment, held);
        profile.Comments.Add($"held_space of all blocks, as measured: {all.InSpans} bytes in spans, and {all.InHugePages} beside them in huge pages");
        if (state.MissedStacks + state.MissedSamples > 0)
        {
            profile.Comments.Add($"missed for want of room: {state.MissedSamples} samples, and the stacks of {state.MissedStacks}");
        }

        return profile;
    }

    // The structures lie beside each other in the order in which they came: each reading has many of them.
    private List<(ulong Address, CallStack Stack, ulong[] Frames)> ReadStacks(ulong first)
    {
        PieceReader memory = new(process);
        List<(ulong, CallStack, ulong[])> stacks = [];
        nuint bytes = 0;
        for (ulong at = first; at != 0;)
        {
            CallStack stack = MemoryMarshal.Read<CallStack>(memory.At(at, sizeof(CallStack)));
            if (stack.Hash == 0)
            {
                // It may have come after its piece was read.
                memory.Forget();
                stack = process.Read<CallStack>(at);
            }

            ReadOnlySpan<byte> frames = memory.At(at + (ulong)sizeof(CallStack), stack.Depth * sizeof(ulong));
            stacks.Add((at, stack, MemoryMarshal.Cast<byte, ulong>(frames).ToArray()));
            bytes += CallStack.BytesFor(stack.Depth);
            at = bytes <= CallStack.MostBytes + CallStack.BytesFor(0) ? (ulong)stack.Later : throw process.Changed(); // else it leads in a circle
        }

        return stacks;
    }

    private void AddStacks(Profile profile, List<(ulong Address, CallStack Stack, ulong[] Frames)> stacks, ulong peakMoment, Dictionary<ulong, double> held)
    {
        Profile.Mapping[] byStart = [.. profile.Mappings.OrderBy(mapping => mapping.Start)];
        Dictionary<ulong, Profile.Location> locations = [];
        Profile.Location LocationOf(ulong frame)
        {
            // A return address lies behind its call, which may be the function's last instruction.
            ulong address = frame - 1;
            if (!locations.TryGetValue(address, out Profile.Location? location))
            {
                Profile.Mapping? mapping = byStart.LastOrDefault(mapping => mapping.Start <= address && address < mapping.End);
                locations.Add(address, location = new Profile.Location { Address = address, Mapping = mapping });
            }

            return location;
        }

        foreach ((ulong place, CallStack stack, ulong[] frames) in stacks)
        {
            Totals before = _before.GetValueOrDefault(place);
            Totals peak = stack.PeakOf(peakMoment);
            long[] values =
            [
                Whole(Math.Max(0, stack.Allocated.Objects - before.Objects)), Whole(Math.Max(0, stack.Allocated.Bytes - before.Bytes)), // it may have been reset
                Whole(stack.Live.Objects), Whole(stack.Live.Bytes),
                Whole(peak.Objects), Whole(peak.Bytes), Whole(held.GetValueOrDefault(place)),
            ];
            if (values.Any(value => value != 0))
            {
                profile.Stacks.Add(new Profile.StackValues([.. frames.Select(LocationOf), .. EndOf(stack)], values));
            }
        }
    }

    // What a stack lacks stands in its place, as if it were the function that called.
    private static Profile.Location[] EndOf(CallStack stack)
    {
        int end = StackEnds.Of(&stack);
        if (end < StackEnds.First)
        {
            return [];
        }

        string name = Encoding.UTF8.GetString(StackEnds.NameOf(end));
        return [new Profile.Location { Lines = [new Profile.Line(new Profile.Function(name, name, ""), 0)] }];
    }

    private static long Whole(double value) => (long)Math.Round(value);

    // Code alone, the program's first: readers take that for it.
    private IEnumerable<Profile.Mapping> Mappings(IReadOnlyList<LoadedImage> images, List<MapLine> map)
    {
        string program = process.Program;
        foreach (MapLine line in map.Where(line => line.Rights.Contains('x') && (line.IsFile || line.Path == "[vdso]")).OrderBy(line => line.Path != program))
        {
            LoadedImage? image = images.LastOrDefault(image => image.Line.Start <= line.Start && image.Line.Path == line.Path && image.Line.Inode == line.Inode);
            yield return new Profile.Mapping { Start = line.Start, End = line.End, Offset = line.Offset, File = line.Path, BuildId = image?.BuildId ?? "" };
        }
    }
}

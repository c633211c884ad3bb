using System;

namespace NativeMalloc;

/// <summary>
/// A profile in pprof's format: a message Profile of profile.proto, in gzip. It is written in one go, and what refers to something by a number
/// may come before it: a location's number is its address.
/// </summary>
internal static unsafe class PprofProfile<TSource>
    where TSource : IProfileSource
{
    // Fields of Profile.
    private const int SampleType = 1;
    private const int Sample = 2;
    private const int Mapping = 3;
    private const int Location = 4;
    private const int Function = 5;
    private const int StringTable = 6;
    private const int TimeNanos = 9;
    private const int DurationNanos = 10;
    private const int PeriodType = 11;
    private const int Period = 12;
    private const int Comment = 13;
    private const int DefaultSampleType = 14;

    /// <summary>alloc_objects, alloc_space, inuse_objects, inuse_space, peak_objects, peak_space, held_space.</summary>
    private const int Values = 7;

    // The string table's first entries. What ends a stack before its time is there as a function, whose number and location's number are its string's.
    private const ulong Count = 1;
    private const ulong Bytes = 2;
    private const ulong Space = 3;
    private const ulong FirstType = 4;
    private const ulong InUseSpace = FirstType + 3;
    private const ulong FirstEnd = FirstType + Values;
    private const ulong FirstFreeString = FirstEnd + StackEnds.Count;

    /// <summary>No code lies below, so that such addresses are the numbers of other locations.</summary>
    private const ulong LeastAddress = 4096;

    /// <summary>Of a longer one, which only long paths make, the end is left out.</summary>
    private const int MostCommentBytes = 512;

    /// <summary>0, or an errno.</summary>
    internal static int Write(int file, ProfileScratch scratch)
    {
        MappingTable mappings = default;
        mappings.Read(TSource.Maps, scratch.Mappings, ProfileScratch.MappingBytes);
        ProtobufOutput output = new(file, scratch.Buffer, ProfileScratch.BufferBytes);
        WriteTypes(ref output);
        WriteStrings(ref output);
        ulong frames = WriteSamples(ref output);
        WriteLocations(ref output, scratch, ref mappings, frames);
        ulong strings = WriteMappings(ref output, ref mappings);
        WriteComments(ref output, strings);
        output.Finish();
        return output.Error;
    }

    private static void WriteTypes(ref ProtobufOutput output)
    {
        for (ulong i = 0; i < Values; i++)
        {
            // Objects and bytes in turn, but for the last.
            WriteValueType(ref output, SampleType, FirstType + i, i % 2 == 0 && i != Values - 1 ? Count : Bytes);
        }

        WriteValueType(ref output, PeriodType, Space, Bytes);
        output.Number(Period, TSource.Mean);
        output.Number(DefaultSampleType, InUseSpace);
        output.Number(TimeNanos, TSource.Time);
        output.Number(DurationNanos, TSource.Duration);
    }

    // Fields: 1 type, 2 unit.
    private static void WriteValueType(ref ProtobufOutput output, int field, ulong type, ulong unit)
    {
        output.Begin(field, ProtobufOutput.NumberBytes(type) + ProtobufOutput.NumberBytes(unit));
        output.Number(1, type);
        output.Number(2, unit);
    }

    private static void WriteStrings(ref ProtobufOutput output)
    {
        output.Text(StringTable, ""u8);
        output.Text(StringTable, "count"u8);
        output.Text(StringTable, "bytes"u8);
        output.Text(StringTable, "space"u8);
        output.Text(StringTable, "alloc_objects"u8);
        output.Text(StringTable, "alloc_space"u8);
        output.Text(StringTable, "inuse_objects"u8);
        output.Text(StringTable, "inuse_space"u8);
        output.Text(StringTable, "peak_objects"u8);
        output.Text(StringTable, "peak_space"u8);
        output.Text(StringTable, "held_space"u8);
        for (int i = 0; i < StackEnds.Count; i++)
        {
            output.Text(StringTable, StackEnds.NameOf(StackEnds.First + i));
        }
    }

    // Returns how many frames the stacks have.
    private static ulong WriteSamples(ref ProtobufOutput output)
    {
        ulong frames = 0;
        ulong* values = stackalloc ulong[Values];
        for (CallStack* stack = TSource.NextStack(null); stack != null; stack = TSource.NextStack(stack))
        {
            frames += stack->Depth;
            TSource.Read(stack, out StackValues all);
            values[0] = StackValues.Whole(all.Allocated.Objects);
            values[1] = StackValues.Whole(all.Allocated.Bytes);
            values[2] = StackValues.Whole(all.Live.Objects);
            values[3] = StackValues.Whole(all.Live.Bytes);
            values[4] = StackValues.Whole(all.Peak.Objects);
            values[5] = StackValues.Whole(all.Peak.Bytes);
            values[6] = StackValues.Whole(all.Held);
            if ((values[0] | values[2] | values[4]) != 0)
            {
                WriteSample(ref output, stack, values);
            }
        }

        return frames;
    }

    // Fields: 1 location_id, 2 value; both packed.
    private static void WriteSample(ref ProtobufOutput output, CallStack* stack, ulong* values)
    {
        ulong valueBytes = 0;
        for (int i = 0; i < Values; i++)
        {
            valueBytes += ProtobufOutput.VarintBytes(values[i]);
        }

        ulong locationBytes = 0;
        for (int i = 0; i <= stack->Depth; i++)
        {
            ulong location = LocationAt(stack, i);
            locationBytes += location != 0 ? ProtobufOutput.VarintBytes(location) : 0;
        }

        output.Begin(Sample, (locationBytes != 0 ? 1 + ProtobufOutput.VarintBytes(locationBytes) + locationBytes : 0) + 1 + ProtobufOutput.VarintBytes(valueBytes) + valueBytes);
        if (locationBytes != 0)
        {
            output.Begin(1, locationBytes);
            for (int i = 0; i <= stack->Depth; i++)
            {
                ulong location = LocationAt(stack, i);
                if (location != 0)
                {
                    output.Varint(location);
                }
            }
        }

        output.Begin(2, valueBytes);
        for (int i = 0; i < Values; i++)
        {
            output.Varint(values[i]);
        }
    }

    // The number of one frame's location, or, behind the last frame, of what ended the stack before its time; 0: none.
    private static ulong LocationAt(CallStack* stack, int frame)
    {
        if (frame == stack->Depth)
        {
            int end = StackEnds.Of(stack);
            return end >= StackEnds.First ? FirstEnd + (ulong)(end - StackEnds.First) : 0;
        }

        ulong address = StackEnds.AddressAt(stack, frame);
        return address >= LeastAddress ? address : 0;
    }

    // Each once. What does not fit into the set is left for another pass over the stacks, each of which sees to a part of all addresses.
    private static void WriteLocations(ref ProtobufOutput output, ProfileScratch scratch, ref MappingTable mappings, ulong frames)
    {
        for (ulong end = FirstEnd; end < FirstFreeString; end++)
        {
            WriteEnd(ref output, end);
        }

        uint parts = (uint)(frames / (ulong)AddressSet.MostIn(ProfileScratch.AddressPlaces)) + 1;
        for (uint part = 0; part < parts; part++)
        {
            AddressSet seen = new(scratch.Addresses, ProfileScratch.AddressPlaces);
            for (CallStack* stack = TSource.NextStack(null); stack != null; stack = TSource.NextStack(stack))
            {
                for (int i = 0; i < stack->Depth; i++)
                {
                    ulong address = LocationAt(stack, i);
                    if (address != 0 && AddressSet.PartOf(address, parts) == part && seen.Add(address))
                    {
                        WriteLocation(ref output, address, mappings.IndexOf(address) + 1);
                    }
                }
            }
        }
    }

    // Fields: 1 id, 2 mapping_id, 3 address. Mappings are numbered by their place in the table, from 1 on.
    private static void WriteLocation(ref ProtobufOutput output, ulong address, int mapping)
    {
        output.Begin(Location, ProtobufOutput.NumberBytes(address) * 2 + ProtobufOutput.NumberBytes((ulong)mapping));
        output.Number(1, address);
        output.Number(2, (ulong)mapping);
        output.Number(3, address);
    }

    // A Location with a Line (4) in a Function (1), and that Function: 1 id, 2 name.
    private static void WriteEnd(ref ProtobufOutput output, ulong end)
    {
        ulong lineBytes = ProtobufOutput.NumberBytes(end);
        output.Begin(Location, ProtobufOutput.NumberBytes(end) + 1 + ProtobufOutput.VarintBytes(lineBytes) + lineBytes);
        output.Number(1, end);
        output.Begin(4, lineBytes);
        output.Number(1, end);
        output.Begin(Function, ProtobufOutput.NumberBytes(end) * 2);
        output.Number(1, end);
        output.Number(2, end);
    }

    // The program's first: readers take that for it. Returns the number of the next string.
    private static ulong WriteMappings(ref ProtobufOutput output, ref MappingTable mappings)
    {
        ulong strings = FirstFreeString;
        int program = mappings.IndexOf(TSource.Program);
        if (program >= 0)
        {
            WriteMapping(ref output, mappings[program], program + 1, ref strings);
        }

        for (int i = 0; i < mappings.Count; i++)
        {
            if (i != program)
            {
                WriteMapping(ref output, mappings[i], i + 1, ref strings);
            }
        }

        return strings;
    }

    // Fields: 1 id, 2 memory_start, 3 memory_limit, 4 file_offset, 5 filename, 6 build_id.
    private static void WriteMapping(ref ProtobufOutput output, Mapping* mapping, int number, ref ulong strings)
    {
        byte* id = stackalloc byte[BuildId<TSource>.MostBytes];
        byte* text = stackalloc byte[BuildId<TSource>.MostBytes * 2];
        int length = BuildId<TSource>.Read(mapping->Base, id);
        for (int i = 0; i < length * 2; i++)
        {
            int digit = id[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
            text[i] = (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        }

        ulong name = strings++;
        output.Text(StringTable, mapping->Name, mapping->NameLength);
        ulong buildId = length > 0 ? strings++ : 0;
        if (buildId != 0)
        {
            output.Text(StringTable, text, length * 2);
        }

        output.Begin(Mapping, ProtobufOutput.NumberBytes((ulong)number) + ProtobufOutput.NumberBytes(mapping->Start) + ProtobufOutput.NumberBytes(mapping->End)
            + ProtobufOutput.NumberBytes(mapping->Offset) + ProtobufOutput.NumberBytes(name) + ProtobufOutput.NumberBytes(buildId));
        output.Number(1, (ulong)number);
        output.Number(2, mapping->Start);
        output.Number(3, mapping->End);
        output.Number(4, mapping->Offset);
        output.Number(5, name);
        output.Number(6, buildId);
    }

    private static void WriteComments(ref ProtobufOutput output, ulong strings)
    {
        byte* text = stackalloc byte[MostCommentBytes];
        for (int i = 0; ; i++)
        {
            Output comment = Output.ToMemory(text, MostCommentBytes);
            if (!TSource.WriteComment(i, ref comment))
            {
                break;
            }

            int length = comment.Finish();
            output.Text(StringTable, text, length < MostCommentBytes ? length : MostCommentBytes - 1);
            output.Number(Comment, strings++);
        }
    }
}

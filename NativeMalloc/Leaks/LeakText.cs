using System;

namespace NativeMalloc;

/// <summary>The list of leaks, for people.</summary>
internal static unsafe class LeakText
{
    internal static void Write(ref Output output, ref LeakTable leaks, ref LeakSearch search, int processId)
    {
        output.Text("nativemalloc: process "u8);
        output.Decimal((nuint)processId);
        if (leaks.Count == 0)
        {
            output.Text(" leaks nothing"u8);
        }
        else
        {
            output.Text(" leaks "u8);
            Total(ref output, leaks.All.Direct);
            output.Text(" that nothing leads to, and "u8);
            Total(ref output, leaks.All.Indirect);
            output.Text(" that only those lead to"u8);
        }

        WriteGround(ref output, leaks.Samples);
        if (search.RunningThreads > 0)
        {
            output.Text("nativemalloc: threads that could not be stopped meanwhile: "u8);
            output.Decimal((nuint)search.RunningThreads);
            output.Text("; what they alone had in registers is listed\n"u8);
        }

        if (leaks.Count > 0)
        {
            WriteStacks(ref output, ref leaks);
        }
    }

    // What it all rests on.
    private static void WriteGround(ref Output output, nuint samples)
    {
        if (Sampler.HasSeenAllBlocks)
        {
            output.Text(": of all blocks\n"u8);
            return;
        }

        output.Text(": estimated by "u8);
        output.Decimal(samples);
        output.Text(" of "u8);
        output.Decimal((nuint)Sampler.State->LiveSamples);
        output.Text(" samples"u8);
        ulong mean = Sampler.Control->Mean;
        if (mean > Exponential.EachBlock)
        {
            output.Text(", one for every "u8);
            output.Decimal((nuint)mean);
            output.Text(" bytes"u8);
        }

        output.Text("\n"u8);
    }

    private static void WriteStacks(ref Output output, ref LeakTable leaks)
    {
        MappingTable mappings = default;
        bool known = ProfileScratch.Take(out ProfileScratch scratch);
        if (known)
        {
            mappings.Read(OwnProfile.Maps, scratch.Mappings, ProfileScratch.MappingBytes);
        }

        for (int number = 0; number < leaks.Count; number++)
        {
            Leak* leak = leaks[number];
            output.Text("\n"u8);
            if (leak->Direct.Objects > 0)
            {
                Total(ref output, leak->Direct);
            }

            if (leak->Indirect.Objects > 0)
            {
                output.Text(leak->Direct.Objects > 0 ? ", and indirectly "u8 : "indirectly "u8);
                Total(ref output, leak->Indirect);
            }

            output.Text("\n"u8);
            WriteStack(ref output, leak->Stack, ref mappings);
        }

        if (known)
        {
            ProfileScratch.Give(scratch);
        }
    }

    private static void WriteStack(ref Output output, CallStack* stack, ref MappingTable mappings)
    {
        for (int frame = 0; frame < stack->Depth; frame++)
        {
            output.Text("    "u8);
            ulong address = StackEnds.AddressAt(stack, frame);
            int number = mappings.IndexOf(address);
            if (number < 0)
            {
                output.Hexadecimal((nuint)address);
                output.Text("\n"u8);
                continue;
            }

            Mapping* mapping = mappings[number];
            for (int i = 0; i < mapping->NameLength; i++)
            {
                output.Byte(mapping->Name[i]);
            }

            output.Text("+"u8);
            output.Hexadecimal((nuint)(address - (IsAtItsAddress(mapping) ? 0 : mapping->Base)));
            output.Text("\n"u8);
        }

        int end = StackEnds.Of(stack);
        if (end >= StackEnds.First)
        {
            output.Text("    "u8);
            output.Text(StackEnds.NameOf(end));
            output.Text("\n"u8);
        }
    }

    // A program that was linked for one place: tools know its functions by their addresses.
    private static bool IsAtItsAddress(Mapping* mapping)
    {
        const int Type = 16; // Elf64_Ehdr.e_type
        const ushort Executable = 2;
        ushort type;
        return Os.TryCopy(&type, (void*)(mapping->Base + Type), sizeof(ushort)) && type == Executable;
    }

    private static void Total(ref Output output, in Totals totals)
    {
        ulong objects = StackValues.Whole(totals.Objects);
        output.Decimal((nuint)StackValues.Whole(totals.Bytes));
        output.Text(" bytes in "u8);
        output.Decimal((nuint)objects);
        output.Text(objects == 1 ? " block"u8 : " blocks"u8);
    }
}

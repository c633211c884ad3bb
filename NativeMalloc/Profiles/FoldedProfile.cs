namespace NativeMalloc;

/// <summary>
/// Folded stacks, for flame graphs: a line for each stack, the outermost function first, and the bytes behind it. A function is its file's name
/// and the address in it ("libc.so.6+0x2d8e3"): names are looked up by those who have the time.
/// </summary>
internal static unsafe class FoldedProfile<TSource>
    where TSource : IProfileSource
{
    /// <summary>0, or an errno.</summary>
    internal static int Write(int file, ProfileScratch scratch, ProfileValue value)
    {
        MappingTable mappings = default;
        mappings.Read(TSource.Maps, scratch.Mappings, ProfileScratch.MappingBytes);
        Output output = Output.ToFile(file);
        for (CallStack* stack = TSource.NextStack(null); stack != null; stack = TSource.NextStack(stack))
        {
            TSource.Read(stack, out StackValues values);
            ulong bytes = StackValues.Whole(values.Of(value).Bytes);
            if (bytes != 0)
            {
                WriteStack(ref output, stack, ref mappings);
                output.Text(" "u8);
                output.Decimal((nuint)bytes);
                output.Text("\n"u8);
            }
        }

        output.Flush();
        return output.Error;
    }

    private static void WriteStack(ref Output output, CallStack* stack, ref MappingTable mappings)
    {
        int end = StackEnds.Of(stack);
        if (end >= StackEnds.First)
        {
            output.Text(StackEnds.NameOf(end));
        }

        for (int i = stack->Depth - 1; i >= 0; i--)
        {
            if (end >= StackEnds.First || i < stack->Depth - 1)
            {
                output.Text(";"u8);
            }

            ulong address = StackEnds.AddressAt(stack, i);
            int mapping = mappings.IndexOf(address);
            if (mapping >= 0)
            {
                WriteFileName(ref output, mappings[mapping]);
                output.Text("+"u8);
                address -= mappings[mapping]->Base;
            }

            output.Hexadecimal((nuint)address);
        }
    }

    // Without its folder. What would end a function's name, or the stack, becomes an underscore.
    private static void WriteFileName(ref Output output, Mapping* mapping)
    {
        int first = mapping->NameLength;
        while (first > 0 && mapping->Name[first - 1] != '/')
        {
            first--;
        }

        for (int i = first; i < mapping->NameLength; i++)
        {
            byte character = mapping->Name[i];
            output.Byte(character is <= (byte)' ' or (byte)';' or 0x7f ? (byte)'_' : character);
        }
    }
}

namespace NativeMalloc;

/// <summary>
/// A profile in gperftools' text format, heap_v2: a line for each stack, "objects: bytes [objects: bytes] @ addresses", the second pair for all
/// that was allocated, and then the process's mappings. The numbers are those of samples, which readers unsample by the line's mean size. Where each block is a
/// sample its name is heapprofile.
/// </summary>
internal static unsafe class HeapProfile<TSource>
    where TSource : IProfileSource
{
    /// <summary>0, or an errno.</summary>
    internal static int Write(int file, ProfileValue value)
    {
        Output output = Output.ToFile(file);
        ulong mean = FindMean(value, out Raw first, out Raw second);
        output.Text("heap profile: "u8);
        WriteNumbers(ref output, first, second);
        if (mean > Exponential.EachBlock)
        {
            output.Text(" @ heap_v2/"u8);
            output.Decimal((nuint)mean);
        }
        else
        {
            output.Text(" @ heapprofile"u8); // which readers leave as it is
        }

        output.Text("\n"u8);
        for (CallStack* stack = TSource.NextStack(null); stack != null; stack = TSource.NextStack(stack))
        {
            TSource.Read(stack, out StackValues values);
            first = Raw.Of(values.Of(value), mean);
            second = Raw.Of(values.Allocated, mean);
            if ((first.Objects | second.Objects) != 0)
            {
                WriteNumbers(ref output, first, second);
                output.Text(" @"u8);
                WriteAddresses(ref output, stack);
                output.Text("\n"u8);
            }
        }

        output.Text("\nMAPPED_LIBRARIES:\n"u8);
        CopyMaps(ref output);
        output.Flush();
        return output.Error;
    }

    /// <summary>
    /// What to say that the sampling distance is: the one in force, or less, so that every stack has at least one sample by it. (Samples that were
    /// taken at a shorter distance stand for less.) Also the sums of all lines.
    /// </summary>
    private static ulong FindMean(ProfileValue value, out Raw first, out Raw second)
    {
        ulong mean = TSource.Mean > 1 ? TSource.Mean : 1;
        first = default;
        second = default;
        for (CallStack* stack = TSource.NextStack(null); stack != null; stack = TSource.NextStack(stack))
        {
            TSource.Read(stack, out StackValues values);
            mean = Raw.LeastMean(values.Of(value), mean);
            mean = Raw.LeastMean(values.Allocated, mean);
        }

        for (CallStack* stack = TSource.NextStack(null); stack != null; stack = TSource.NextStack(stack))
        {
            TSource.Read(stack, out StackValues values);
            first.Add(Raw.Of(values.Of(value), mean));
            second.Add(Raw.Of(values.Allocated, mean));
        }

        return mean;
    }

    private static void WriteNumbers(ref Output output, Raw first, Raw second)
    {
        output.Decimal((nuint)first.Objects);
        output.Text(": "u8);
        output.Decimal((nuint)first.Bytes);
        output.Text(" ["u8);
        output.Decimal((nuint)second.Objects);
        output.Text(": "u8);
        output.Decimal((nuint)second.Bytes);
        output.Text("]"u8);
    }

    // Readers take one off all addresses but the first.
    private static void WriteAddresses(ref Output output, CallStack* stack)
    {
        for (int i = 0; i < stack->Depth; i++)
        {
            output.Text(" "u8);
            output.Hexadecimal((nuint)StackEnds.AddressAt(stack, i) + (i != 0 ? 1u : 0));
        }

        if (stack->Depth == 0)
        {
            output.Text(" 0x1"u8); // there must be one
        }
    }

    private static void CopyMaps(ref Output output)
    {
        FileBytes file = default;
        if (file.Open(TSource.Maps))
        {
            while (file.Next() != FileBytes.End)
            {
                output.Byte((byte)file.Last);
            }

            file.Close();
        }
    }
}

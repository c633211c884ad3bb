namespace NativeMalloc;

/// <summary>This process, for those who write profiles.</summary>
internal readonly unsafe struct OwnProfile : IProfileSource
{
    private const nuint AuxiliaryEntry = 9; // AT_ENTRY

    private static long s_since;
    private static ulong s_mean;

    public static ulong Mean => Sampler.Control->Mean != 0 ? Sampler.Control->Mean : s_mean;

    // Not known, if it was switched on from outside. The clock may not have moved since, which is no duration of 0: readers take that for unknown.
    public static ulong Duration => s_since != 0 ? Milliseconds(Clock.Milliseconds - s_since) * 1_000_000 : 0;

    public static ulong Time => Os.NanosecondsOfDay();

    public static byte* Maps => Literal.Pointer("/proc/thread-self/maps"u8);

    public static ulong Program => Shim.AuxiliaryValue(AuxiliaryEntry);

    private static ulong Milliseconds(long goneBy) => goneBy > 0 ? (ulong)goneBy : 1;

    /// <summary>What was allocated is counted from now on.</summary>
    internal static void Begin() => s_since = Clock.Milliseconds;

    /// <summary>Samples are taken so far from each other, also when that has ended.</summary>
    internal static void Note(ulong mean) => s_mean = mean;

    public static CallStack* NextStack(CallStack* after) => Sampler.NextStack(after);

    // A thread that holds the lock, or may, goes without: then a sample that another thread just counts may be here in part.
    public static void Read(CallStack* stack, out StackValues values)
    {
        ThreadState* thread = Shim.Thread();
        bool entered = SlowPath.TryEnter(thread);
        if (entered)
        {
            Sampler.Lock->Acquire();
        }

        values.Allocated = stack->Allocated;
        values.Live = stack->Live;
        values.Peak = stack->PeakOf(Sampler.State->PeakMoment);
        values.Held = HeldBytes.Of(stack);
        if (entered)
        {
            Sampler.Lock->Release();
            SlowPath.Leave(thread);
        }
    }

    // Libraries may be unloaded meanwhile, so that it cannot be read as other memory; and a filter may kill for calls that are made to read processes'.
    public static bool TryCopy(ulong address, void* to, nuint bytes)
    {
        int file = Os.OpenForReading(Literal.Pointer("/proc/thread-self/mem"u8));
        bool copied = file >= 0 && Os.ReadAt(file, (byte*)to, (nint)bytes, (nint)address) == (nint)bytes;
        if (file >= 0)
        {
            Os.Close(file);
        }

        return copied;
    }

    public static bool WriteComment(int number, ref Output output)
    {
        switch (number)
        {
            case 0:
                output.Text("nativemalloc "u8);
                output.Text(Shim.Version());
                output.Text(", process "u8);
                output.Decimal((nuint)Os.ProcessId());
                output.Text(Interposition.IsActive ? ""u8 : ", which brings its own malloc"u8);
                return true;
            case 1:
                output.Text("missed for want of room: "u8);
                output.Decimal((nuint)Sampler.MissedSamples);
                output.Text(" samples, and the stacks of "u8);
                output.Decimal((nuint)Sampler.MissedStacks);
                return true;
            case 2:
                output.Text("options: "u8);
                Options.WriteAll(ref output);
                return true;
            case 3:
                output.Text("held_space of all blocks, as measured: "u8);
                output.Decimal(HeldBytes.Measured.InSpans);
                output.Text(" bytes in spans, and "u8);
                output.Decimal(HeldBytes.Measured.InHugePages);
                output.Text(" beside them in huge pages"u8);
                return true;
            default:
                return false;
        }
    }
}

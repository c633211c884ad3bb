namespace NativeMalloc;

/// <summary>
/// What a profile is written from: this process's own sampler (<see cref="OwnProfile"/>), or a copy of another process's. The writers read
/// nothing else.
/// </summary>
internal unsafe interface IProfileSource
{
    /// <summary>The sampling distance in force, or that was last, in bytes; 0 if there never was one.</summary>
    static abstract ulong Mean { get; }

    /// <summary>For how long samples have been taken, and the time of day, in nanoseconds.</summary>
    static abstract ulong Duration { get; }

    static abstract ulong Time { get; }

    /// <summary>The stack behind that one; the first for null, and null behind the last. Those that are there stay.</summary>
    static abstract CallStack* NextStack(CallStack* after);

    /// <summary>The stack's numbers, of one moment.</summary>
    static abstract void Read(CallStack* stack, out StackValues values);

    /// <summary>Writes a line on what was missed, or on how the numbers came about; false if there is no such line.</summary>
    static abstract bool WriteComment(int number, ref Output output);

    /// <summary>The process's file of mappings (/proc/thread-self/maps).</summary>
    static abstract byte* Maps { get; }

    /// <summary>An address in the program's code (AT_ENTRY).</summary>
    static abstract ulong Program { get; }

    /// <summary>Copies from the process's memory; false where it cannot be read.</summary>
    static abstract bool TryCopy(ulong address, void* to, nuint bytes);
}

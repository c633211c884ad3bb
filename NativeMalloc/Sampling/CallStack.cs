namespace NativeMalloc;

/// <summary>Why a call stack ends where it does.</summary>
internal enum StackEnd : byte
{
    /// <summary>At the thread's first function.</summary>
    Whole,

    /// <summary>There are more frames than are kept.</summary>
    Deep,

    /// <summary>At a frame that no table describes.</summary>
    Lost,

    /// <summary>At memory that could not be read.</summary>
    Unreadable,

    /// <summary>It is none: the entry for all stacks for which there was no room.</summary>
    NoRoom,
}

/// <summary>Blocks and their bytes, unsampled: what a sample stands for counts, not the sample.</summary>
internal struct Totals
{
    internal double Objects;
    internal double Bytes;

    internal unsafe void Add(Sample* sample)
    {
        Objects += sample->Objects;
        Bytes += sample->Objects * sample->Size;
    }

    internal unsafe void Subtract(Sample* sample)
    {
        Objects -= sample->Objects;
        Bytes -= sample->Objects * sample->Size;
    }
}

/// <summary>
/// A call stack from which blocks were allocated, and what samples say of those. Its frames, return addresses from the innermost on, follow the
/// structure. It never moves and is never freed. The sampler's lock protects all that changes.
/// </summary>
internal unsafe struct CallStack
{
    /// <summary>The next in its bucket, and the next of all.</summary>
    internal CallStack* Next;
    internal CallStack* Later;
    internal ulong Hash;

    /// <summary>Since the start, or the last reset.</summary>
    internal Totals Allocated;
    internal Totals Live;

    /// <summary>As <see cref="Live"/> was at the moment of that number, if it has changed since (<see cref="PeakOf"/>).</summary>
    internal Totals LiveThen;
    internal ulong Then;

    /// <summary>How many samples the totals rest on.</summary>
    internal ulong AllocatedSamples;
    internal ulong LiveSamples;

    /// <summary>Bytes that its live blocks hold beside themselves, as far as they were counted at that count (<see cref="HeldBytes"/>).</summary>
    internal double Held;
    internal ulong HeldAt;

    internal ushort Depth;
    internal StackEnd End;

    /// <summary>Of all entries: fifty thousand stacks of thirty frames. A program that has more hardly repeats itself, and they are never forgotten.</summary>
    internal const nuint MostBytes = 16 << 20;

    /// <summary>Bytes of an entry with so many frames.</summary>
    internal static nuint BytesFor(int depth) => (nuint)sizeof(CallStack) + (nuint)depth * (nuint)sizeof(nuint);

    internal static nuint* FramesOf(CallStack* stack) => (nuint*)(stack + 1);

    /// <summary>
    /// What was live of it at the heap's highest moment, which has that number (<see cref="SamplerState.PeakMoment"/>): a stack that changes later
    /// notes first what it had then.
    /// </summary>
    internal readonly Totals PeakOf(ulong moment) => Then == moment ? LiveThen : Live;

    /// <summary>Before <see cref="Live"/> changes: what it was at the highest moment so far is not lost.</summary>
    internal void Settle(ulong moment)
    {
        if (Then != moment)
        {
            LiveThen = Live;
            Then = moment;
        }
    }
}

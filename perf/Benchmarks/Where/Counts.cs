namespace NativeMalloc.Benchmarks.Where;

/// <summary>What a part of a program cost, by the emulated processor: exact, but of a processor that does not look ahead.</summary>
/// <param name="Instructions">Executed.</param>
/// <param name="FirstMisses">Data that was not in the first-level cache.</param>
/// <param name="SecondMisses">Data that was not in the second-level cache either.</param>
internal readonly record struct Cost(long Instructions, long FirstMisses, long SecondMisses)
{
    public static Cost operator +(Cost left, Cost right) =>
        new(left.Instructions + right.Instructions, left.FirstMisses + right.FirstMisses, left.SecondMisses + right.SecondMisses);

    public static Cost operator -(Cost left, Cost right) =>
        new(left.Instructions - right.Instructions, left.FirstMisses - right.FirstMisses, left.SecondMisses - right.SecondMisses);
}

/// <summary>A program under an allocator.</summary>
/// <param name="Allocator">The allocator's functions, and what they call.</param>
/// <param name="Rest">The rest of the program.</param>
/// <param name="Locked">Instructions that lock a cache line, in the allocator and the C library.</param>
/// <param name="Functions">The allocator's functions, by themselves, those with the most instructions first.</param>
internal sealed record Emulated(Cost Allocator, Cost Rest, long Locked, List<KeyValuePair<string, Cost>> Functions);

/// <summary>What runs of a program under an allocator came to; null or empty where it does not run so.</summary>
internal sealed record Counts(string Program, string Allocator)
{
    public Emulated? Emulated { get; set; }

    /// <summary>Calls by name.</summary>
    public Dictionary<string, long> SystemCalls { get; set; } = [];

    /// <summary>One for each round.</summary>
    public List<double> Seconds { get; set; } = [];

    public List<double> ProcessorSeconds { get; set; } = [];

    public List<double> Mebibytes { get; set; } = [];

    public List<double> Faults { get; set; } = [];

    public List<double> Waits { get; set; } = [];

    public List<string> Failures { get; set; } = [];
}

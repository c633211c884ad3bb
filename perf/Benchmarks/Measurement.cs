namespace NativeMalloc.Benchmarks;

/// <summary>What was measured of one thing under one allocator, one value for each round.</summary>
/// <param name="Group">Microbenchmarks or programs.</param>
/// <param name="Name">What was measured.</param>
/// <param name="Allocator">The allocator's name.</param>
/// <param name="Times">Nanoseconds of an operation, or of a whole program.</param>
/// <param name="Peaks">Bytes resident at most; empty where that was not measured.</param>
/// <param name="Failures">What went wrong in the rounds that have no values.</param>
internal sealed record Measurement(string Group, string Name, string Allocator, List<double> Times, List<double> Peaks, List<string> Failures)
{
    internal const string MicroGroup = "microbenchmarks";
    internal const string ProgramGroup = "programs";
}

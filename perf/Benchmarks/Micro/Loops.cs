using System.Runtime.InteropServices;

namespace NativeMalloc.Benchmarks.Micro;

/// <summary>The timed loops, in perf/loops/loops.c: what each does is said there. Sizes are bytes.</summary>
internal static partial class Loops
{
    /// <summary>The environment variable that says where the library of loops is, to the processes that BenchmarkDotNet starts too.</summary>
    internal const string PathVariable = "PERF_LOOPS";

    private const string Library = "loops";

    static Loops() => NativeLibrary.SetDllImportResolver(typeof(Loops).Assembly, static (name, assembly, search) =>
        name == Library ? NativeLibrary.Load(Environment.GetEnvironmentVariable(PathVariable)!) : 0);

    [LibraryImport(Library, EntryPoint = "pairs")]
    internal static partial void Pairs(long size, long count);

    [LibraryImport(Library, EntryPoint = "batches")]
    internal static partial void Batches(long size, long batch, long count);

    [LibraryImport(Library, EntryPoint = "scattered")]
    internal static partial void Scattered(long size, long batch, long count);

    [LibraryImport(Library, EntryPoint = "mixed")]
    internal static partial void Mixed(long slots, long largest, long count);

    [LibraryImport(Library, EntryPoint = "callocs")]
    internal static partial void Callocs(long size, long count);

    [LibraryImport(Library, EntryPoint = "growths")]
    internal static partial void Growths(long largest, long percent, long count);

    [LibraryImport(Library, EntryPoint = "aligned")]
    internal static partial void Aligned(long alignment, long size, long count);

    [LibraryImport(Library, EntryPoint = "exchange")]
    internal static partial void Exchange(long largest, long count);

    [LibraryImport(Library, EntryPoint = "crowd")]
    internal static partial void Crowd(long threads, long slots, long largest, long count);

    [LibraryImport(Library, EntryPoint = "starts")]
    internal static partial void Starts(long count);
}

namespace NativeMalloc;

/// <summary>What a heap profile is written as.</summary>
public enum NativeMallocProfileFormat
{
    /// <summary>For pprof: profile.proto in gzip. It has all values at once.</summary>
    Pprof = 0,

    /// <summary>For google-pprof and jeprof: heap_v2, as text, of one value.</summary>
    Heap = 1,

    /// <summary>For flame graphs: folded stacks with the bytes of one value.</summary>
    Folded = 2,
}

namespace NativeMalloc;

/// <summary>Which caches a thread allocates from first.</summary>
public enum NativeMallocFrontEnd
{
    /// <summary>One for each thread.</summary>
    PerThread = 0,

    /// <summary>One for each CPU that the process runs on, kept consistent by restartable sequences.</summary>
    PerCpu = 1,

    /// <summary>None: <c>NATIVEMALLOC_CHECK=1</c>.</summary>
    Checking = 2,
}

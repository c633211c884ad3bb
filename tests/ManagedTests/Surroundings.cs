namespace NativeMalloc.ManagedTests;

/// <summary>What this process runs on, by what the kernel says and not by the library's word.</summary>
internal static class Surroundings
{
    /// <summary>Whether libnativemalloc.so is in the process, as it is when it was preloaded.</summary>
    internal static bool Preloaded { get; } = File.ReadAllText("/proc/self/maps").Contains("/libnativemalloc.so");

    /// <summary>The value where the library is there, else the other one.</summary>
    internal static T With<T>(T value, T without) => Preloaded ? value : without;
}

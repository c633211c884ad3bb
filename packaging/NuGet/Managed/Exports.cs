using System.Runtime.InteropServices;

namespace NativeMalloc;

/// <summary>
/// The functions of nativemalloc.h, found once in what the process began with, whichever way they came there: preloaded, linked into the
/// executable or needed by it. Where the library is not there they are null.
/// </summary>
internal static unsafe class Exports
{
    internal static readonly delegate* unmanaged<NativeMallocStatistics*, int> GetStatistics =
        (delegate* unmanaged<NativeMallocStatistics*, int>)Find("nativemalloc_get_statistics");

    internal static readonly delegate* unmanaged<byte*, nuint, int> StatisticsJson = (delegate* unmanaged<byte*, nuint, int>)Find("nativemalloc_statistics_json");

    internal static readonly delegate* unmanaged<uint> VersionNumber = (delegate* unmanaged<uint>)Find("nativemalloc_version_number");

    internal static readonly delegate* unmanaged<ulong, ulong> ReleaseMemory = (delegate* unmanaged<ulong, ulong>)Find("nativemalloc_release_memory");

    internal static readonly delegate* unmanaged<byte*, byte*, nuint, int> GetOption = (delegate* unmanaged<byte*, byte*, nuint, int>)Find("nativemalloc_get_option");

    internal static readonly delegate* unmanaged<ulong, int> StartProfiling = (delegate* unmanaged<ulong, int>)Find("nativemalloc_start_profiling");

    internal static readonly delegate* unmanaged<void> StopProfiling = (delegate* unmanaged<void>)Find("nativemalloc_stop_profiling");

    internal static readonly delegate* unmanaged<void> ResetProfile = (delegate* unmanaged<void>)Find("nativemalloc_reset_profile");

    internal static readonly delegate* unmanaged<int, int, int, int> WriteProfile = (delegate* unmanaged<int, int, int, int>)Find("nativemalloc_write_profile");

    /// <summary>libc's: a file without a name, which needs no folder that can be written to.</summary>
    internal static delegate* unmanaged<byte*, uint, int> MemoryFile => (delegate* unmanaged<byte*, uint, int>)Find("memfd_create");

    private static nint Find(string name) =>
        OperatingSystem.IsLinux() && NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), name, out nint address) ? address : 0;
}

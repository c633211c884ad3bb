using System.Runtime.InteropServices;

namespace NativeMalloc;

/// <summary>The native heap of this process, as far as it is NativeMalloc's. It is not the heap of .NET's objects.</summary>
public static unsafe class NativeMallocHeap
{
    /// <summary>Whether malloc in this process is NativeMalloc's: preloaded, linked into the executable, or needed by it.</summary>
    public static bool IsActive { get; } = AskIsActive();

    private static bool AskIsActive()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "nativemalloc_get_statistics", out nint function))
        {
            return false;
        }

        // The structure as it was in the first version: its own size, and then whether malloc is the library's.
        ulong* statistics = stackalloc ulong[19];
        statistics[0] = 19 * sizeof(ulong);
        return ((delegate* unmanaged<ulong*, int>)function)(statistics) == 0 && statistics[1] != 0;
    }
}

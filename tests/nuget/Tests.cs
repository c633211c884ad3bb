
/// <summary>What an app says of its malloc; the process ends with it.</summary>
internal static class Tests
{
    internal static void Run()
    {
        FreeWhatLibcAllocates();
        Console.WriteLine($"active: {NativeMalloc.NativeMallocHeap.IsActive}");
        Environment.Exit(0);
    }

    /// <summary>libc allocates the path by the process's malloc, and it is freed by what P/Invoke finds: these must be of one heap.</summary>
    private static void FreeWhatLibcAllocates()
    {
        for (int i = 0; i < 1000; i++)
        {
            Free(RealPath("/usr", 0));
            FreeBySoname(RealPath("/usr", 0));
        }
    }

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "realpath")]
    private static extern nint RealPath(string path, nint buffer);

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "free")]
    private static extern void Free(nint block);

    [System.Runtime.InteropServices.DllImport("libc.so.6", EntryPoint = "free")]
    private static extern void FreeBySoname(nint block);
}

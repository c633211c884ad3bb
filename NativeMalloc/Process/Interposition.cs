namespace NativeMalloc;

/// <summary>Whether the process uses this library's malloc, or the program or another library brought its own.</summary>
internal static unsafe class Interposition
{
    /// <summary>The process's malloc is this one. It may be called to find out; no lock is held.</summary>
    internal static bool IsActive
    {
        get
        {
            void* malloc = Shim.BoundMalloc();
            if (Shim.IsOwnFunction(malloc) != 0)
            {
                return true;
            }

            // In an executable for a fixed place that takes malloc's address, that address is the executable's own stub for it.
            void* block = Shim.Invoke(malloc, 1, 0, 0);
            bool ours = block != null && Malloc.IsOurs(block);
            Malloc.FreeByProcess(block);
            return ours;
        }
    }
}

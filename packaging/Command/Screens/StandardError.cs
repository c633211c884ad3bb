using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>What is said besides the result. Console's own writer would change the terminal's mode.</summary>
internal static unsafe class StandardError
{
    private const int File = 2;

    /// <summary>One line, or none where standard error is closed or full: what the command does and how it ends does not depend on that.</summary>
    internal static void WriteLine(string message)
    {
        byte[] line = Encoding.UTF8.GetBytes($"nativemalloc: {message}\n");
        fixed (byte* start = line)
        {
            Kernel.WriteFile(File, start, (nuint)line.Length);
        }
    }
}

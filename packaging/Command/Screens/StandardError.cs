namespace NativeMalloc.Inspect;

/// <summary>What is said besides the result.</summary>
internal static class StandardError
{
    /// <summary>One line, or none where standard error is closed or full: what the command does and how it ends does not depend on that.</summary>
    internal static void WriteLine(string message)
    {
        try
        {
            Console.Error.WriteLine("nativemalloc: " + message);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }
}

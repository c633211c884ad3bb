using System.Diagnostics;

namespace NativeMalloc.Benchmarks.Where;

/// <summary>Runs commands of bash.</summary>
internal static class Shell
{
    /// <summary>Runs a command to its end, and returns its exit code.</summary>
    internal static int Run(string command, out string output)
    {
        using Process process = Process.Start(new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        output = process.StandardOutput.ReadToEnd();
        output += errors.Result;
        process.WaitForExit();
        return process.ExitCode;
    }
}

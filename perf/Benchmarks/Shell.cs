using System.Diagnostics;

namespace NativeMalloc.Benchmarks;

/// <summary>Runs commands of bash.</summary>
internal static class Shell
{
    /// <summary>Runs a command to its end, with these variables, and returns its exit code. Its output has what it said of errors last.</summary>
    internal static int Run(string command, out string output, params IEnumerable<(string Name, string Value)> variables)
    {
        ProcessStartInfo start = new("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        output = process.StandardOutput.ReadToEnd();
        output += errors.Result;
        process.WaitForExit();
        return process.ExitCode;
    }
}

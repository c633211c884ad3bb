using System.Diagnostics;

namespace NativeMalloc.Benchmarks.Report;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    /// <summary>One line: processor, memory, kernel, C library, the state of the repository.</summary>
    internal static string Describe()
    {
        string processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name"))?.Split(':')[1].Trim() ?? "an unknown processor";
        double gibibytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        return $"{Environment.ProcessorCount} CPUs ({processor}), {gibibytes:N0} GiB, Linux {Environment.OSVersion.Version}, "
            + $"{FirstLineOf("ldd", "--version")}, {Allocator.Versions}, commit {FirstLineOf("git", "describe", "--always", "--dirty")}";
    }

    private static string FirstLineOf(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output.Split('\n')[0];
    }
}

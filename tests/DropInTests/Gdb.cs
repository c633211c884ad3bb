using System.IO;

namespace NativeMalloc.DropInTests;

/// <summary>gdb, without a user.</summary>
internal static class Gdb
{
    /// <summary>Runs its commands on a test program that has the library preloaded; returns what it printed.</summary>
    internal static string Run(string program, string commands)
    {
        string script = Path.Combine(Repository.NewFolder("gdb"), "script");
        File.WriteAllText(
            script,
            $"""
            set pagination off
            set confirm off
            set width 0
            set environment LD_PRELOAD {Repository.Library}
            {commands}
            """);
        return new Command("gdb", "-nx", "-batch", "-x", script, TestProgram.Path(program)).Run().Succeeded().Output;
    }
}

using System.Diagnostics;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What a command left behind.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    /// <summary>Killed by SIGABRT.</summary>
    internal bool Aborted => ExitCode == 134;

    /// <summary>Fails the test, with what the command said, unless it exited with 0.</summary>
    internal Outcome Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Output}\n{Error}");
        return this;
    }
}

/// <summary>A program to run, with or without the library preloaded.</summary>
internal sealed class Command
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(240);

    private readonly ProcessStartInfo _start;

    internal Command(string program, params string[] arguments)
    {
        _start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };

        // The tests' own surroundings must not show.
        foreach (string name in _start.Environment.Keys.Where(name => name.StartsWith("NATIVEMALLOC_") || name == "LD_PRELOAD").ToArray())
        {
            _start.Environment.Remove(name);
        }
    }

    internal static Command Shell(string script) => new("bash", "-c", script);

    internal Command In(string folder)
    {
        _start.WorkingDirectory = folder;
        return this;
    }

    internal Command With(string variable, string value)
    {
        _start.Environment[variable] = value;
        return this;
    }

    /// <summary>Preloads the library.</summary>
    internal Command Preloaded() => With("LD_PRELOAD", Repository.Library);

    /// <summary>Starts it, and does not wait for its end.</summary>
    internal RunningProgram Start() => new(_start);

    internal Outcome Run()
    {
        using Process process = Process.Start(_start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{_start.FileName} {string.Join(' ', _start.ArgumentList)}: not done after {s_limit.TotalSeconds} seconds");
        }

        return new Outcome(process.ExitCode, output.Result, error.Result);
    }
}

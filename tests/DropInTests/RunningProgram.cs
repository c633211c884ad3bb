using System.Diagnostics;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>A program that runs while a test looks at it, until its standard input is closed or it is killed.</summary>
internal sealed class RunningProgram : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _error;

    internal RunningProgram(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync();
    }

    internal int Number => _process.Id;

    /// <summary>What it wrote to its standard error, when it has ended.</summary>
    internal string Error => _error.Result;

    /// <summary>All that it writes to its standard output from here on, until its end.</summary>
    internal string Output => _process.StandardOutput.ReadToEnd();

    /// <summary>The next line that it writes to its standard output.</summary>
    internal string Line() => _process.StandardOutput.ReadLine() ?? throw new EndOfStreamException(Error);

    /// <summary>Gives it a line to read.</summary>
    internal void Say(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits until it says so on its standard output.</summary>
    internal RunningProgram Ready()
    {
        Assert.Equal("ready", _process.StandardOutput.ReadLine());
        return this;
    }

    /// <summary>Has it end by itself; its exit code.</summary>
    internal int End()
    {
        _process.StandardInput.Close();
        return Wait();
    }

    /// <summary>Waits for its end; its exit code.</summary>
    internal int Wait()
    {
        Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(60)));
        return _process.ExitCode;
    }

    /// <summary>Stops it for so long.</summary>
    internal void StandStill(TimeSpan time)
    {
        new Command("kill", "-STOP", Number.ToString()).Run().Succeeded();
        Thread.Sleep(time);
        new Command("kill", "-CONT", Number.ToString()).Run().Succeeded();
    }

    internal void Kill()
    {
        _process.Kill();
        Wait();
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}

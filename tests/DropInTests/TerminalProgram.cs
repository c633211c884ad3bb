using System.Text.Json;

namespace NativeMalloc.DropInTests;

/// <summary>A program in a terminal of its own (tests/terminal.py).</summary>
internal sealed class TerminalProgram : IDisposable
{
    private readonly RunningProgram _terminal;

    internal TerminalProgram(Command command) => _terminal = command.Start();

    /// <summary>What is to be run there; the environment is the program's, too.</summary>
    internal static Command In(int width, int height, params string[] arguments) =>
        new Command(Path.Combine(Repository.Root, "tests", "terminal.py"), [width.ToString(), height.ToString(), .. arguments]).With("LC_ALL", "C.UTF-8").With("NO_COLOR", "");

    /// <summary>The screen's lines, once that regular expression is found there.</summary>
    internal string[] Await(string text)
    {
        _terminal.Say("await " + text);
        return JsonSerializer.Deserialize<string[]>(_terminal.Line())!;
    }

    internal void Strike(string keys) => _terminal.Say("keys " + keys);

    internal void SetSize(int width, int height) => _terminal.Say($"size {width} {height}");

    internal void Signal(int number) => _terminal.Say($"signal {number}");

    /// <summary>The exit code, or a signal's number below zero, once it has ended, and whether the terminal is as it was.</summary>
    internal string End() => Ask("end");

    /// <summary>The same, once it is stopped.</summary>
    internal string Stopped() => Ask("stopped");

    private string Ask(string what)
    {
        _terminal.Say(what);
        return _terminal.Line();
    }

    public void Dispose() => _terminal.Dispose();
}

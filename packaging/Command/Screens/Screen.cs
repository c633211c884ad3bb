using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>
/// The whole terminal, and its keys: the terminal's other screen, which leaves what was there as it was. On every way out but SIGKILL the terminal
/// is as before, stops (Ctrl-Z) too; signals become <see cref="ScreenEvent"/>s, so that the caller's loop acts on them.
/// </summary>
internal sealed unsafe class Screen : IDisposable
{
    private const int Input = 0;
    private const int Output = 1;
    private const int WhenWritten = 1; // TCSADRAIN

    // The other screen, no cursor, and lines that are too long end at the edge.
    private const string Begin = "\e[?1049h\e[?25l\e[?7l";
    private const string End = "\e[0m\e[?7h\e[?25h\e[?1049l";

    private readonly Queue<ScreenEvent> _events = [];
    private readonly PosixSignalRegistration[] _signals;
    private readonly bool _hasKeys;
    private Kernel.TerminalMode _before;

    internal Screen()
    {
        Kernel.TerminalMode mode;
        _hasKeys = Kernel.GetMode(Input, &mode) == 0;
        _before = mode;
        _signals =
        [
            On(PosixSignal.SIGWINCH, ScreenEventKind.Redraw), On(PosixSignal.SIGCONT, ScreenEventKind.Continue), On(PosixSignal.SIGTSTP, ScreenEventKind.Stop),
            On(PosixSignal.SIGINT, ScreenEventKind.End), On(PosixSignal.SIGTERM, ScreenEventKind.End, 15), On(PosixSignal.SIGHUP, ScreenEventKind.End, 1),
            On(PosixSignal.SIGQUIT, ScreenEventKind.End, 3),
        ];
        Enter();
        if (_hasKeys)
        {
            new Thread(ReadKeys) { IsBackground = true }.Start();
        }
    }

    /// <summary>Columns and lines; those of the first terminals where it does not say.</summary>
    internal static (int Width, int Height) Size
    {
        get
        {
            Kernel.TerminalSize size = default;
            bool known = Kernel.AskTerminal(Output, Kernel.GetTerminalSize, &size) == 0 && size is { Columns: > 0, Rows: > 0 };
            return known ? (size.Columns, size.Rows) : (80, 24);
        }
    }

    /// <summary>Shows these lines from the top, and nothing else; at once, where the terminal can. False if the terminal is gone.</summary>
    internal static bool Show(IEnumerable<string> lines) => StandardOutput.Write("\e[?2026h\e[H" + string.Join("\e[K\r\n", lines) + "\e[K\e[J\e[?2026l");

    /// <summary>What comes next, within so much time.</summary>
    internal ScreenEvent Wait(TimeSpan most)
    {
        lock (_events)
        {
            if (_events.Count == 0)
            {
                Monitor.Wait(_events, most);
            }

            return _events.Count > 0 ? _events.Dequeue() : default;
        }
    }

    /// <summary>Stops this process, as Ctrl-Z asked for, until it is continued.</summary>
    internal void Stop()
    {
        Leave();
        Kernel.Signal(Environment.ProcessId, Kernel.StopSignal);
        Enter();
    }

    /// <summary>Who stopped it by SIGSTOP, and continues it, may have used the terminal meanwhile.</summary>
    internal void Enter()
    {
        if (_hasKeys)
        {
            Kernel.TerminalMode keys = _before.ForKeys();
            Kernel.SetMode(Input, WhenWritten, &keys);
        }

        StandardOutput.Write(Begin);
    }

    public void Dispose()
    {
        Leave();
        foreach (PosixSignalRegistration signal in _signals)
        {
            signal.Dispose();
        }
    }

    private void Leave()
    {
        StandardOutput.Write(End);
        if (_hasKeys)
        {
            Kernel.TerminalMode before = _before;
            Kernel.SetMode(Input, WhenWritten, &before);
        }
    }

    private PosixSignalRegistration On(PosixSignal signal, ScreenEventKind kind, int number = 0) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        Put(new ScreenEvent(kind, Signal: number));
    });

    private void Put(ScreenEvent one)
    {
        lock (_events)
        {
            _events.Enqueue(one);
            Monitor.Pulse(_events);
        }
    }

    private void ReadKeys()
    {
        byte* keys = stackalloc byte[64];
        nint count;
        while ((count = Kernel.ReadFile(Input, keys, 64)) > 0 || (count < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted))
        {
            for (int i = 0; i < count; i++)
            {
                if (keys[i] != '\e')
                {
                    Put(new ScreenEvent(ScreenEventKind.Key, (char)keys[i]));
                    continue;
                }

                // A key that is a sequence: "\e[", parameters, and a letter, or "\eO" and a letter.
                for (i += 2; i < count && keys[i] is < (byte)'@' or > (byte)'~'; i++)
                {
                }

                if (i < count && keys[i] is (byte)'A' or (byte)'B')
                {
                    Put(new ScreenEvent(ScreenEventKind.Key, keys[i] == 'A' ? ScreenEvent.Up : ScreenEvent.Down));
                }
            }
        }
    }
}

internal enum ScreenEventKind
{
    None,
    Key,
    Redraw,
    Stop,
    Continue,
    End,
}

/// <summary>A key that was struck, or what a signal asks for; of an end that is not the user's own, which signal.</summary>
internal readonly record struct ScreenEvent(ScreenEventKind Kind, char Key = '\0', int Signal = 0)
{
    internal const char Up = '↑';
    internal const char Down = '↓';
}

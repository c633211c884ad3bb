using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>Calls that the class library has no name for.</summary>
internal static unsafe partial class Kernel
{
    /// <summary>IOV_MAX: the most pieces of one call.</summary>
    internal const int MostPieces = 1024;

    /// <summary>struct iovec.</summary>
    internal struct Piece
    {
        internal nuint Start;
        internal nuint Length;
    }

    [LibraryImport("libc", EntryPoint = "process_vm_readv", SetLastError = true)]
    internal static partial nint Read(int process, Piece* here, nuint hereCount, Piece* there, nuint thereCount, nuint flags);

    [LibraryImport("libc", EntryPoint = "process_vm_writev", SetLastError = true)]
    internal static partial nint Write(int process, Piece* here, nuint hereCount, Piece* there, nuint thereCount, nuint flags);

    [LibraryImport("libc", EntryPoint = "getuid")]
    internal static partial uint UserId();

    /// <summary>struct termios, as far as it is looked at.</summary>
    internal struct TerminalMode
    {
        private const uint Canonical = 2, Echo = 8; // ICANON, ECHO
        private const int Least = 17 + 6, Wait = 17 + 5; // VMIN and VTIME of c_cc

        internal uint Input, Output, Control, Local;
        private fixed byte _rest[44];

        /// <summary>The same, but that keys come as they are struck, and are not shown. Those that send signals still do.</summary>
        internal readonly TerminalMode ForKeys()
        {
            TerminalMode mode = this;
            mode.Local &= ~(Canonical | Echo);
            ((byte*)&mode)[Least] = 1;
            ((byte*)&mode)[Wait] = 0;
            return mode;
        }
    }

    /// <summary>struct winsize.</summary>
    internal struct TerminalSize
    {
        internal ushort Rows, Columns, Width, Height;
    }

    internal const ulong GetTerminalSize = 0x5413; // TIOCGWINSZ
    internal const int StopSignal = 19; // SIGSTOP

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    internal static partial int GetMode(int file, TerminalMode* mode);

    /// <summary>With 1 (TCSADRAIN) for when: once all is written.</summary>
    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    internal static partial int SetMode(int file, int when, TerminalMode* mode);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int AskTerminal(int file, ulong request, TerminalSize* size);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint ReadFile(int file, byte* into, nuint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint WriteFile(int file, byte* from, nuint length);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Signal(int process, int signal);
}

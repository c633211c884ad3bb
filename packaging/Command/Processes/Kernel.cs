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
}

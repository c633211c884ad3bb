using System.Runtime.InteropServices;

namespace NativeMalloc;

/// <summary>The system calls behind the doubles.</summary>
internal static unsafe class LibC
{
    internal const int ProtNone = 0;
    internal const int ProtReadWrite = 1 | 2;
    internal const int MapPrivateAnonymous = 0x02 | 0x20;
    internal const int MapFixed = 0x10;
    internal const int MapNoReserve = 0x4000;
    internal const int MadvDontNeed = 4;
    internal const int MremapMoveFixedDontUnmap = 1 | 2 | 4;
    internal const long NumberFutex = 202;
    internal const long NumberProcessVmReadv = 310;
    internal const int FutexWaitPrivate = 0 | 128;
    internal const int FutexWakePrivate = 1 | 128;

    internal static readonly byte* MapFailed = (byte*)-1;

    [DllImport("libc", EntryPoint = "mmap")]
    internal static extern byte* Map(byte* start, nuint bytes, int protection, int flags, int file, nint offset);

    [DllImport("libc", EntryPoint = "madvise")]
    internal static extern int Advise(byte* start, nuint bytes, int advice);

    [DllImport("libc", EntryPoint = "mincore")]
    internal static extern int InCore(byte* start, nuint bytes, byte* pages);

    [DllImport("libc", EntryPoint = "mremap")]
    internal static extern byte* Remap(byte* from, nuint oldBytes, nuint newBytes, int flags, byte* to);

    [DllImport("libc", EntryPoint = "syscall")]
    internal static extern long SystemCall(long number, void* a, long b, long c, void* d, void* e, long f);
}

namespace NativeMalloc;

/// <summary>
/// The operating system, as the allocator needs it: a few contracts over Linux system calls. No libc: an allocator that
/// calls libc's wrappers can meet itself there.
/// </summary>
internal static unsafe class Os
{
    private const int NumberRead = 0;
    private const int NumberWrite = 1;
    private const int NumberClose = 3;
    private const int NumberFstat = 5;
    private const int NumberMmap = 9;
    private const int NumberMprotect = 10;
    private const int NumberMunmap = 11;
    private const int NumberSigprocmask = 14;
    private const int NumberPread = 17;
    private const int NumberMremap = 25;
    private const int NumberMadvise = 28;
    private const int NumberGetpid = 39;
    private const int NumberWait = 61;
    private const int NumberFcntl = 72;
    private const int NumberSysinfo = 99;
    private const int NumberPtrace = 101;
    private const int NumberSigpending = 127;
    private const int NumberSigtimedwait = 128;
    private const int NumberPrctl = 157;
    private const int NumberGettid = 186;
    private const int NumberFutex = 202;
    private const int NumberSchedGetaffinity = 204;
    private const int NumberGetdents = 217;
    private const int NumberClockGettime = 228;
    private const int NumberOpenat = 257;
    private const int NumberProcessVmReadv = 310;
    private const int NumberMembarrier = 324;
    private const int NumberRseq = 334;

    private const int ProtNone = 0;
    private const int ProtRead = 1;
    private const int ProtReadWrite = 1 | 2;
    private const int MapPrivate = 0x02;
    private const int MapAnonymous = 0x20;
    private const int MapFixed = 0x10;
    private const int MapFixedNoReplace = 0x100000;

    private const int MremapMayMove = 1;
    private const int MremapFixed = 2;
    private const int MremapDontUnmap = 4;

    private const int MadvDontNeed = 4;
    private const int MadvHugePage = 14;
    private const int MadvNoHugePage = 15;
    private const int MadvPopulateWrite = 23;

    private const int FutexWaitPrivate = 0 | 128;
    private const int FutexWakePrivate = 1 | 128;

    private const int MembarrierPrivateExpeditedRseq = 1 << 7;
    private const int MembarrierRegisterPrivateExpeditedRseq = 1 << 8;
    private const int MembarrierFlagCpu = 1;

    // O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC
    private const int OpenOwnForWriting = 0x1 | 0x40 | 0x200 | 0x800 | 0x20000 | 0x80000;
    private const int ReadWriteByOwner = 0x180; // 0600
    private const int OpenOnlyForReading = 0x80000; // O_RDONLY | O_CLOEXEC

    /// <summary>Fresh, zeroed, private memory; null when the kernel has none to give.</summary>
    internal static byte* Map(nuint bytes)
    {
        nint result = Shim.SystemCall(NumberMmap, 0, (nint)bytes, ProtReadWrite, MapPrivate | MapAnonymous, -1, 0);
        return Failed(result) ? null : (byte*)result;
    }

    /// <summary>As <see cref="Map"/>, at these addresses; false if anything is mapped there, or may not be.</summary>
    internal static bool MapAt(byte* start, nuint bytes)
    {
        // Kernels before 4.17 do not know the flag, and map elsewhere what they cannot map there.
        const int Flags = MapPrivate | MapAnonymous | MapFixedNoReplace;
        nint result = Shim.SystemCall(NumberMmap, (nint)start, (nint)bytes, ProtReadWrite, Flags, -1, 0);
        if (!Failed(result) && result != (nint)start)
        {
            Unmap((byte*)result, bytes);
        }

        return result == (nint)start;
    }

    /// <summary>
    /// Makes addresses that were withdrawn fresh, zeroed memory; false, and they are as they were, when the kernel has none to give. (A mapping
    /// over them that fails may have unmapped them, and somebody else may be there at once.)
    /// </summary>
    internal static bool Enable(byte* start, nuint bytes) =>
        Shim.SystemCall(NumberMprotect, (nint)start, (nint)bytes, ProtReadWrite, 0, 0, 0) == 0;

    /// <summary>The same where mprotect is refused; false, and they may be mapped no more, when the kernel has none to give.</summary>
    internal static bool MapOver(byte* start, nuint bytes) =>
        Shim.SystemCall(NumberMmap, (nint)start, (nint)bytes, ProtReadWrite, MapPrivate | MapAnonymous | MapFixed, -1, 0) == (nint)start;

    /// <summary>What the kernel calls these mappings of memory from now on: 0, or a negative errno, as from kernels before 5.17, or made without it.</summary>
    internal static int Name(byte* start, nuint bytes, byte* name)
    {
        const int SetMappings = 0x53564d41;
        const int AnonymousName = 0;
        return (int)Shim.SystemCall(NumberPrctl, SetMappings, AnonymousName, (nint)start, (nint)bytes, (nint)name, 0);
    }

    /// <summary>Takes the memory away, and leaves addresses that nobody can touch; false, and nothing is done, where that would be too many mappings.</summary>
    internal static bool Withdraw(byte* start, nuint bytes) =>
        Shim.SystemCall(NumberMmap, (nint)start, (nint)bytes, ProtNone, MapPrivate | MapAnonymous | MapFixed, -1, 0) == (nint)start;

    /// <summary>False if the kernel refused: the process would have too many mappings (vm.max_map_count).</summary>
    internal static bool Unmap(byte* start, nuint bytes) => Shim.SystemCall(NumberMunmap, (nint)start, (nint)bytes, 0, 0, 0, 0) == 0;

    /// <summary>Lets all pages of a range be written to, or only be read; false if the kernel refused.</summary>
    internal static bool Protect(void* start, void* end, bool writable)
    {
        nint first = (nint)start & -(nint)KernelPage.Size;
        return Shim.SystemCall(NumberMprotect, first, (nint)end - first, writable ? ProtReadWrite : ProtRead, 0, 0, 0) == 0;
    }

    /// <summary>Whether the process may have so much more address space.</summary>
    internal static bool CanMap(nuint bytes)
    {
        byte* start = Map(bytes);
        return start != null && Unmap(start, bytes);
    }

    /// <summary>
    /// Gives the pages' memory back and keeps their addresses; false if the kernel refused (mlockall does that) and their contents are still
    /// there. Whether they read zero else is for <see cref="Promises"/> to say.
    /// </summary>
    internal static bool Release(byte* start, nuint bytes) =>
        Shim.SystemCall(NumberMadvise, (nint)start, (nint)bytes, MadvDontNeed, 0, 0, 0) == 0;

    /// <summary>Whether the kernel may back the range with huge pages; a kernel without them refuses, which does no harm.</summary>
    internal static void AdviseHuge(byte* start, nuint bytes, bool huge) =>
        Shim.SystemCall(NumberMadvise, (nint)start, (nint)bytes, huge ? MadvHugePage : MadvNoHugePage, 0, 0, 0);

    /// <summary>
    /// Gives pages of ours memory, as writing to each would; false if the kernel does not know how (before 5.14), or will not. Where it has no memory
    /// now it may have some later.
    /// </summary>
    internal static bool Populate(byte* start, nuint bytes) =>
        Shim.SystemCall(NumberMadvise, (nint)start, (nint)bytes, MadvPopulateWrite, 0, 0, 0) is 0 or -Errno.NoMemory;

    /// <summary>
    /// Moves the pages' memory to another range, which is mapped and loses what it held; the old range stays mapped and reads
    /// zero. Kernels before 5.7 cannot.
    /// </summary>
    /// <param name="from">The pages.</param>
    /// <param name="bytes">Bytes of them.</param>
    /// <param name="to">The other range.</param>
    /// <param name="room">Bytes of it, at least as many: all are to be one mapping of the kernel's, if it allows that.</param>
    internal static MoveResult MovePages(byte* from, nuint bytes, byte* to, nuint room)
    {
        nuint moved = 0;
        nuint part = bytes;
        nuint divided = bytes; // the first mapping's end is known to lie before
        while (moved < bytes)
        {
            MoveResult result = MoveMapping(from + moved, part, to + moved, moved + part == bytes ? room - moved : part);
            if (result == MoveResult.Moved)
            {
                moved += part;
                part = divided - moved > PageMap.PageSize ? HalfOf(divided - moved) : bytes - moved;
            }
            else if (result == MoveResult.Divided && part > PageMap.PageSize)
            {
                divided = moved + part;
                part = HalfOf(part);
            }
            else
            {
                Shim.Move(from, to, moved);
                return result == MoveResult.Divided ? MoveResult.Refused : result;
            }
        }

        return MoveResult.Moved;
    }

    // In pages.
    private static nuint HalfOf(nuint bytes) => (bytes / 2 + PageMap.PageSize - 1) & ~(PageMap.PageSize - 1);

    private static MoveResult MoveMapping(byte* from, nuint bytes, byte* to, nuint room)
    {
        // First to a place of the kernel's choice, which moves one mapping or changes nothing. Straight to the target, some
        // kernels unmap that before they refuse, and others stop halfway.
        nint between = Shim.SystemCall(NumberMremap, (nint)from, (nint)bytes, (nint)bytes, MremapMayMove | MremapDontUnmap, 0, 0);
        if (Failed(between))
        {
            return between == -Errno.BadAddress ? MoveResult.Divided : between == -Errno.NoMemory ? MoveResult.Short : MoveResult.Refused;
        }

        // Some kernels (6.18) count what is added before they take off what it replaces, and with others a refusal costs the target.
        room = room > bytes && !CanMap(room - bytes) ? bytes : room;
        nint result = Shim.SystemCall(NumberMremap, between, (nint)bytes, (nint)room, MremapMayMove | MremapFixed, (nint)to, 0);
        if (!Failed(result))
        {
            return MoveResult.Moved;
        }

        Shim.Move(from, (byte*)between, bytes);
        Unmap((byte*)between, bytes);
        return MoveResult.TargetLost;
    }

    internal static void FutexWait(int* word, int expected) =>
        Shim.SystemCall(NumberFutex, (nint)word, FutexWaitPrivate, expected, 0, 0, 0);

    /// <summary>False if nobody has woken the thread in that time.</summary>
    internal static bool FutexWait(int* word, int expected, uint milliseconds)
    {
        long* time = stackalloc long[2];
        SetTime(time, milliseconds);
        return Shim.SystemCall(NumberFutex, (nint)word, FutexWaitPrivate, expected, (nint)time, 0, 0) != -Errno.TimedOut;
    }

    internal static void FutexWake(int* word, int count) =>
        Shim.SystemCall(NumberFutex, (nint)word, FutexWakePrivate, count, 0, 0, 0);

    /// <summary>
    /// One more than the highest number that a CPU of this machine can ever have: sched_getaffinity answers with the size
    /// of the kernel's own CPU mask. No file is read for it, since there may be no /sys.
    /// </summary>
    internal static int CpuBound()
    {
        const int MaskBytes = MostCpus / 8;
        byte* mask = stackalloc byte[MaskBytes];
        nint bytes = Shim.SystemCall(NumberSchedGetaffinity, 0, MaskBytes, (nint)mask, 0, 0, 0);
        return Failed(bytes) ? MostCpus : (int)bytes * 8;
    }

    /// <summary>The kernel's limit, whatever the machine.</summary>
    internal const int MostCpus = 8192;

    internal const int AllCpus = -1;

    /// <summary>Announces that <see cref="AbortSequences"/> will be used; false if the kernel cannot do it (before 5.10, or refused).</summary>
    internal static bool RegisterForAbortSequences() =>
        Shim.SystemCall(NumberMembarrier, MembarrierRegisterPrivateExpeditedRseq, 0, 0, 0, 0, 0) == 0;

    /// <summary>Aborts the restartable sequences that this process's other threads are in, on that CPU, or on <see cref="AllCpus"/>.</summary>
    internal static bool AbortSequences(int cpu) =>
        Shim.SystemCall(NumberMembarrier, MembarrierPrivateExpeditedRseq, cpu == AllCpus ? 0 : MembarrierFlagCpu, cpu, 0, 0, 0) == 0;

    /// <summary>Registers the thread's area for restartable sequences, or unregisters it: 0, or the error.</summary>
    internal static int RseqSystemCall(byte* area, uint bytes, int flags, uint signature) =>
        -(int)Shim.SystemCall(NumberRseq, (nint)area, (nint)bytes, flags, (nint)signature, 0, 0);

    internal static int ProcessId() => (int)Shim.SystemCall(NumberGetpid, 0, 0, 0, 0, 0, 0);

    internal static int ThreadId() => (int)Shim.SystemCall(NumberGettid, 0, 0, 0, 0, 0, 0);

    /// <summary>Lets that process trace this one, where the Yama module would not.</summary>
    internal static void AllowTracer(int processId)
    {
        const int SetPtracer = 0x59616d61;
        Shim.SystemCall(NumberPrctl, SetPtracer, processId, 0, 0, 0, 0);
    }

    /// <summary>This thread is killed when the one that made it ends.</summary>
    internal static void DieWithParent()
    {
        const int SetDeathSignal = 1;
        const int Kill = 9;
        Shim.SystemCall(NumberPrctl, SetDeathSignal, Kill, 0, 0, 0, 0);
    }

    /// <summary>ptrace(2): 0, or a negative errno.</summary>
    internal static int Trace(int request, int thread, nint address, nint data) =>
        (int)Shim.SystemCall(NumberPtrace, request, thread, address, data, 0, 0);

    /// <summary>What has become of a thread that this one made or traces: its number, 0 for nothing yet where it is not to wait, or a negative errno.</summary>
    internal static int Wait(int thread, int* status, bool wait)
    {
        const int All = 0x40000000; // __WALL
        const int NoHang = 1;
        return (int)Shim.SystemCall(NumberWait, thread, (nint)status, wait ? All : All | NoHang, 0, 0, 0);
    }

    /// <summary>Sets which signals the thread does not take, a bit for each from 1 on; returns what it was.</summary>
    internal static ulong BlockSignals(ulong signals)
    {
        const int SetMask = 2;
        return ChangeSignals(SetMask, signals);
    }

    private static ulong ChangeSignals(int how, ulong signals)
    {
        ulong before = 0;
        Shim.SystemCall(NumberSigprocmask, how, (nint)(&signals), (nint)(&before), sizeof(ulong), 0, 0);
        return before;
    }

    private static ulong PendingSignals()
    {
        ulong signals = 0;
        Shim.SystemCall(NumberSigpending, (nint)(&signals), sizeof(ulong), 0, 0, 0, 0);
        return signals;
    }

    /// <summary>Takes a signal of that set, which the thread does not take otherwise, if one waits.</summary>
    private static void TakeSignal(ulong signals)
    {
        long* time = stackalloc long[2];
        SetTime(time, 0);
        Shim.SystemCall(NumberSigtimedwait, (nint)(&signals), 0, (nint)time, sizeof(ulong), 0, 0);
    }

    /// <summary>Nanoseconds since 1970; 0 where the kernel does not say.</summary>
    internal static ulong NanosecondsOfDay()
    {
        const int RealTime = 0;
        long* time = stackalloc long[2];
        return Shim.SystemCall(NumberClockGettime, RealTime, (nint)time, 0, 0, 0, 0) == 0 ? (ulong)time[0] * 1_000_000_000 + (ulong)time[1] : 0;
    }

    /// <summary>Copies memory that may not be there; false then, or where the kernel does not do that.</summary>
    internal static bool TryCopy(void* to, void* from, nuint bytes)
    {
        MemoryPart part = new() { Start = (nuint)from, Bytes = bytes };
        return ReadOwn(ThreadId(), (byte*)to, bytes, &part, 1) == (nint)bytes;
    }

    /// <summary>
    /// Whether the page can be read. Asked by a wait for its first word to change that begins only if that is a certain number, and then takes no
    /// time: the kernel reads it, and says if it cannot. Each process that has locks may make this call, whatever filter it has.
    /// </summary>
    internal static bool IsReadable(nuint page)
    {
        const int Unlikely = unchecked((int)0x9e37_79b9);
        long* time = stackalloc long[2];
        SetTime(time, 0);
        return Shim.SystemCall(NumberFutex, (nint)page, FutexWaitPrivate, Unlikely, (nint)time, 0, 0) != -Errno.BadAddress;
    }

    // struct timespec
    private static void SetTime(long* time, uint milliseconds)
    {
        time[0] = milliseconds / 1000;
        time[1] = milliseconds % 1000 * 1_000_000;
    }

    /// <summary>By a call that who waits for a lock makes as well: a filter may kill for others.</summary>
    internal static void Sleep(uint milliseconds)
    {
        int nobody = 0;
        FutexWait(&nobody, 0, milliseconds);
    }

    /// <summary>What ps and top call the thread; up to 15 bytes and a zero.</summary>
    internal static void NameThread(byte* name)
    {
        const int SetName = 15;
        Shim.SystemCall(NumberPrctl, SetName, (nint)name, 0, 0, 0, 0);
    }

    /// <summary>
    /// Opens a file for writing from its start, if it is new one that only its owner may read; a negative errno on failure, for a symbolic
    /// link, and for a FIFO that nobody reads: it waits for nobody.
    /// </summary>
    internal static int OpenForWriting(byte* path) =>
        Open(path, OpenOwnForWriting);

    /// <summary>Opens a file for reading; a negative errno on failure.</summary>
    internal static int OpenForReading(byte* path) => Open(path, OpenOnlyForReading);

    // As glibc does it: a filter that was made for its programs may kill for open.
    private static int Open(byte* path, int how)
    {
        const int HereIfRelative = -100; // AT_FDCWD
        return (int)Shim.SystemCall(NumberOpenat, HereIfRelative, (nint)path, how, ReadWriteByOwner, 0, 0);
    }

    /// <summary>Reads up to so many bytes; returns how many, 0 at the end, or a negative errno.</summary>
    internal static int Read(int file, byte* bytes, int length) => (int)Shim.SystemCall(NumberRead, file, (nint)bytes, length, 0, 0, 0);

    /// <summary>As <see cref="Read"/>, from that place of the file on.</summary>
    internal static nint ReadAt(int file, byte* bytes, nint length, nint offset) => Shim.SystemCall(NumberPread, file, (nint)bytes, length, offset, 0, 0);

    /// <summary>Reads entries of a folder, struct linux_dirent64 each; returns their bytes, 0 at the end, or a negative errno.</summary>
    internal static int ReadFolder(int folder, byte* entries, int length) =>
        (int)Shim.SystemCall(NumberGetdents, folder, (nint)entries, length, 0, 0, 0);

    /// <summary>
    /// Copies parts of the process's own memory, one behind the other; returns how many bytes, fewer where one cannot be read, or a negative errno
    /// where the first cannot. "thread" is the calling one's number: the process's is that of its first, which may have ended.
    /// </summary>
    internal static nint ReadOwn(int thread, byte* to, nuint bytes, MemoryPart* parts, int count)
    {
        MemoryPart room = new() { Start = (nuint)to, Bytes = bytes };
        return Shim.SystemCall(NumberProcessVmReadv, thread, (nint)(&room), 1, (nint)parts, count, 0);
    }

    /// <summary>
    /// Another descriptor of the same file, with a number that programs do not come to, which programs that the process becomes do not have; the
    /// same one where there can be none.
    /// </summary>
    internal static int DuplicateAside(int file)
    {
        const int DuplicateCloseOnExec = 1030;
        const int Aside = 1000;
        nint result = Shim.SystemCall(NumberFcntl, file, DuplicateCloseOnExec, Aside, 0, 0, 0);
        return Failed(result) ? file : (int)result;
    }

    /// <summary>Which file a descriptor is of: two numbers, which are 0 if it is of none.</summary>
    internal static void IdentityOf(int file, ulong* identity)
    {
        const int Words = 18; // struct stat, which begins with the device and the inode
        ulong* status = stackalloc ulong[Words];
        bool known = Shim.SystemCall(NumberFstat, file, (nint)status, 0, 0, 0, 0) == 0;
        identity[0] = known ? status[0] : 0;
        identity[1] = known ? status[1] : 0;
    }

    internal static void Close(int file) => Shim.SystemCall(NumberClose, file, 0, 0, 0, 0, 0);

    /// <summary>
    /// Writes all of the text, or returns a negative errno. Of the signals that go with some of those, and would end a program which has asked for
    /// nothing that could be written, none is left to it.
    /// </summary>
    internal static int Write(int file, byte* text, nuint length)
    {
        const ulong PipeSignal = 1UL << (13 - 1); // SIGPIPE
        const ulong TooLargeSignal = 1UL << (25 - 1); // SIGXFSZ
        const int AddToMask = 0; // SIG_BLOCK
        ulong before = ChangeSignals(AddToMask, PipeSignal | TooLargeSignal);
        ulong programs = before & (PipeSignal | TooLargeSignal);
        programs = programs != 0 ? programs & PendingSignals() : 0;
        int result = WriteAll(file, text, length);
        ulong signal = result == -Errno.BrokenPipe ? PipeSignal : result == -Errno.FileTooLarge ? TooLargeSignal : 0;
        if ((signal & ~programs) != 0)
        {
            TakeSignal(signal);
        }

        BlockSignals(before);
        return result;
    }

    private static int WriteAll(int file, byte* text, nuint length)
    {
        const int MostWaits = 100; // a second: who reads may be slow, or have stopped
        const uint WaitMilliseconds = 10;
        int waits = 0;
        while (length > 0)
        {
            nint written = Shim.SystemCall(NumberWrite, file, (nint)text, (nint)length, 0, 0, 0);
            if (written == -Errno.Interrupted)
            {
                continue;
            }

            if (written == -Errno.Again && waits++ < MostWaits)
            {
                Sleep(WaitMilliseconds); // poll is a call that a filter may kill for
                continue;
            }

            if (written <= 0)
            {
                return written < 0 ? (int)written : -Errno.InputOutput;
            }

            text += written;
            length -= (nuint)written;
        }

        return 0;
    }

    /// <summary>Bytes of memory that the machine has; 0 if it does not say.</summary>
    internal static ulong MachineMemory()
    {
        // struct sysinfo
        const int Bytes = 112;
        const int TotalRam = 32;
        const int Unit = 104;
        byte* information = stackalloc byte[Bytes];
        return Shim.SystemCall(NumberSysinfo, (nint)information, 0, 0, 0, 0, 0) == 0
            ? *(ulong*)(information + TotalRam) * *(uint*)(information + Unit)
            : 0;
    }

    private static bool Failed(nint result) => (nuint)result > unchecked((nuint)(-4096));
}

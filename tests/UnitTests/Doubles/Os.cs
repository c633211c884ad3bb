using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>The operating system's double: real memory, from the test's own address space, and failures on demand.</summary>
internal static unsafe class Os
{
    internal static AddressSpace Space { get; private set; }

    // What can be touched.
    private static readonly AddressRanges s_live = new();

    /// <summary>So many calls of <see cref="Map"/> and <see cref="Enable"/> succeed first, then so many fail.</summary>
    internal static int MapsBeforeFailure { get; set; }

    internal static int MapsToFail { get; set; }

    /// <summary>As RLIMIT_AS: most bytes that are mapped at one time.</summary>
    internal static nuint Limit { get; set; }

    /// <summary>As under mlockall.</summary>
    internal static bool RefuseRelease { get; set; }

    /// <summary>As with too many mappings: huge pages amid one stay.</summary>
    internal static bool RefuseUnmap { get; set; }

    internal static bool RefuseWithdraw { get; set; }

    /// <summary>What other threads do meanwhile.</summary>
    internal static Action WhileReleasing { get; set; }

    /// <summary>Asked before each system call that maps, or gives back.</summary>
    internal static Action BeforeCall { get; set; }

    /// <summary>As emulators that take some advice without heeding it.</summary>
    internal static bool IgnoreRelease { get; set; }

    /// <summary>As a kernel whose own pages are of so many bytes: it drops those that lie in the range as a whole, or in part.</summary>
    internal static nuint ReleaseUnit { get; set; }

    /// <summary>As <see cref="WhileReleasing"/>, for the heap's own mappings; not while it is called itself.</summary>
    internal static Action WhileMapping { get; set; }

    /// <summary>As kernels before 5.7.</summary>
    internal static MoveResult? RefuseMove { get; set; }

    /// <summary>As emulators that move, but know nothing of what is to be left behind.</summary>
    internal static bool MoveLosesSource { get; set; }

    /// <summary>The names of what is mapped, for each page of the kernel's that has one; and how often one was given.</summary>
    internal static Dictionary<nuint, string> Names { get; } = [];

    internal static int NameCalls { get; private set; }

    /// <summary>What <see cref="Name"/> answers: 0, or a negative errno.</summary>
    internal static int NameResult { get; set; }

    internal static int MapCalls { get; private set; }

    internal static int MoveCalls { get; private set; }

    /// <summary>Bytes mapped and not unmapped again.</summary>
    internal static nuint LiveBytes { get; private set; }

    internal static nuint ReleasedBytes { get; private set; }

    /// <summary>What each call of <see cref="Write"/> was given.</summary>
    internal static List<byte[]> Written { get; } = [];

    /// <summary>What <see cref="Write"/> answers: 0, or a negative errno.</summary>
    internal static int WriteResult { get; set; }

    /// <summary>The kernel's files, by their paths; for one that cannot be opened or read, a negative errno.</summary>
    internal static Dictionary<string, (byte[] Bytes, int OpenError, int ReadError)> Files { get; } = [];

    /// <summary>The paths that were opened, or would have been, and how many of them are open.</summary>
    internal static List<string> Opened { get; } = [];

    internal static int OpenFiles => s_open.Count;

    /// <summary>The most bytes that one call reads.</summary>
    internal static int ReadLength { get; set; }

    internal static ulong Memory { get; set; }

    private static readonly Dictionary<int, (string Path, int Offset)> s_open = [];

    /// <summary>The machine's CPUs.</summary>
    internal static int Cpus { get; set; }

    internal static void Reset()
    {
        Cpus = 2;
        Files.Clear();
        Opened.Clear();
        s_open.Clear();
        ReadLength = int.MaxValue;
        Memory = 64UL << 30;
        Advice.Clear();
        Populated.Clear();
        CanPopulate = true;
        Space = new AddressSpace();
        MapsBeforeFailure = 0;
        MapsToFail = 0;
        Limit = nuint.MaxValue;
        RefuseRelease = false;
        RefuseUnmap = false;
        RefuseWithdraw = false;
        IgnoreRelease = false;
        ReleaseUnit = AddressSpace.SystemPage;
        RefuseMove = null;
        MoveLosesSource = false;
        WhileReleasing = null;
        WhileMapping = null;
        WhileSleeping = null;
        BeforeCall = null;
        WhileAborting = null;
        MapCalls = 0;
        MoveCalls = 0;
        NameCalls = 0;
        NameResult = 0;
        Names.Clear();
        s_live.Remove(0, nuint.MaxValue);
        LiveBytes = 0;
        ReleasedBytes = 0;
        Written.Clear();
        WriteResult = 0;
    }

    internal static byte* Map(nuint bytes)
    {
        nuint start = Admits(bytes) ? Space.Take(bytes) : 0;
        return start != 0 ? MapLive((byte*)start, bytes) : null;
    }

    internal static bool MapAt(byte* start, nuint bytes) =>
        (MoveLosesSource && bytes == PageMap.PageSize) || (Admits(bytes) && Space.TakeAt((nuint)start, bytes) && MapLive(start, bytes) == start);

    internal static bool Enable(byte* start, nuint bytes) => Admits(bytes) && MapLive(start, bytes) == start;

    internal static bool MapOver(byte* start, nuint bytes)
    {
        EndNames(start, bytes);
        return Enable(start, bytes);
    }

    internal static int Name(byte* start, nuint bytes, byte* name)
    {
        NameCalls++;
        for (nuint page = 0; page < bytes && NameResult == 0; page += AddressSpace.SystemPage)
        {
            Names[(nuint)start + page] = Marshal.PtrToStringUTF8((nint)name);
        }

        return NameResult;
    }

    // A new mapping has none.
    private static void EndNames(byte* start, nuint bytes)
    {
        for (nuint page = 0; page < bytes && Names.Count > 0; page += AddressSpace.SystemPage)
        {
            Names.Remove((nuint)start + page);
        }
    }

    internal static bool Withdraw(byte* start, nuint bytes)
    {
        if (RefuseWithdraw)
        {
            return false;
        }

        EndLive(start, bytes);
        return true;
    }

    /// <summary>Whether all of it is mapped, and can be touched.</summary>
    internal static bool IsLive(nuint start, nuint bytes) => s_live.Contains(start, start + bytes);

    /// <summary>Whether it is mapped, and cannot be touched.</summary>
    internal static bool IsGuard(nuint start, nuint bytes) =>
        s_live.All.All(range => range.Value <= start || start + bytes <= range.Key) && !Space.IsFree(start, bytes);

    internal static bool Unmap(byte* start, nuint bytes)
    {
        if (RefuseUnmap && bytes >= PageMap.HugePageSize)
        {
            return false;
        }

        UnmapWhole(start, bytes);
        return true;
    }

    internal static bool CanMap(nuint bytes)
    {
        byte* start = Map(bytes);
        if (start != null)
        {
            UnmapWhole(start, bytes);
        }

        return start != null;
    }

    private static void UnmapWhole(byte* start, nuint bytes)
    {
        if ((nuint)start % AddressSpace.SystemPage != 0 || bytes == 0)
        {
            throw new ArgumentException($"munmap({(nuint)start:x}, {bytes:x}) is an error");
        }

        EndLive(start, bytes);
        Space.Give((nuint)start, bytes);
    }

    private static bool Admits(nuint bytes)
    {
        MapCalls++;
        BeforeCall?.Invoke();
        Action meanwhile = WhileMapping;
        if (meanwhile != null && bytes >= PageMap.HugePageSize)
        {
            WhileMapping = null;
            meanwhile();
            WhileMapping = meanwhile;
        }

        if (MapsToFail > 0 && --MapsBeforeFailure < 0)
        {
            MapsToFail--;
            return false;
        }

        return bytes <= Limit - LiveBytes;
    }

    private static byte* MapLive(byte* start, nuint bytes)
    {
        LiveBytes += bytes - s_live.Remove((nuint)start, (nuint)start + bytes);
        s_live.Add((nuint)start, (nuint)start + bytes);
        return MapAt(start, bytes, LibC.ProtReadWrite);
    }

    private static void EndLive(byte* start, nuint bytes)
    {
        EndNames(start, bytes);
        LiveBytes -= s_live.Remove((nuint)start, (nuint)start + bytes);
        MapAt(start, bytes, LibC.ProtNone);
    }

    internal static bool Release(byte* start, nuint bytes)
    {
        BeforeCall?.Invoke();
        WhileReleasing?.Invoke();
        if (RefuseRelease)
        {
            return false;
        }

        if (IgnoreRelease)
        {
            return true;
        }

        nuint end = AddressSpace.RoundUp((nuint)start + bytes, ReleaseUnit);
        start = (byte*)((nuint)start & ~(ReleaseUnit - 1));
        if (LibC.Advise(start, end - (nuint)start, LibC.MadvDontNeed) != 0)
        {
            throw new InvalidOperationException($"madvise({(nuint)start:x}, {bytes:x}) failed");
        }

        ReleasedBytes += bytes;
        return true;
    }

    /// <summary>What each call of <see cref="AdviseHuge"/> was given.</summary>
    internal static List<(nuint Start, nuint Bytes, bool Huge)> Advice { get; } = [];

    internal static void AdviseHuge(byte* start, nuint bytes, bool huge)
    {
        lock (Advice)
        {
            Advice.Add(((nuint)start, bytes, huge));
        }
    }

    /// <summary>What each call of <see cref="Populate"/> was given, and what it gives.</summary>
    internal static List<(nuint Start, nuint Bytes)> Populated { get; } = [];

    internal static bool CanPopulate { get; set; } = true;

    internal static bool Populate(byte* start, nuint bytes)
    {
        lock (Populated)
        {
            Populated.Add(((nuint)start, bytes));
        }

        return CanPopulate;
    }

    internal static MoveResult MovePages(byte* from, nuint bytes, byte* to, nuint room)
    {
        MoveCalls++;
        if (RefuseMove != null)
        {
            return RefuseMove.Value;
        }

        if (LibC.Remap(from, bytes, bytes, LibC.MremapMoveFixedDontUnmap, to) != to)
        {
            return MoveResult.Refused;
        }

        // A mapping keeps its name; if it is one for all of the room.
        EndNames(to, room);
        for (nuint page = 0; page < room && Names.TryGetValue((nuint)from, out string name); page += AddressSpace.SystemPage)
        {
            Names[(nuint)to + page] = name;
        }

        return MoveResult.Moved;
    }

    /// <summary>How often it was tried whether a page can be read.</summary>
    internal static int ReadableCalls { get; set; }

    /// <summary>Is told of each page that is tried.</summary>
    internal static Action<nuint> WhileTrying { get; set; }

    internal static bool IsReadable(nuint page)
    {
        long* time = stackalloc long[2] { 0, 0 };
        ReadableCalls++;
        WhileTrying?.Invoke(page);
        return LibC.SystemCall(LibC.NumberFutex, (void*)page, LibC.FutexWaitPrivate, 1, time, null, 0) == 0 ||
            Marshal.GetLastSystemError() != Errno.BadAddress;
    }

    internal static int CpuBound() => Cpus;

    internal const int MostCpus = 8192;

    internal const int AllCpus = -1;

    /// <summary>What other CPUs do meanwhile, and whether the kernel does it.</summary>
    internal static Func<int, bool> WhileAborting { get; set; }

    internal static bool AbortSequences(int cpu) => WhileAborting == null || WhileAborting(cpu);

    internal static void FutexWait(int* word, int expected) =>
        LibC.SystemCall(LibC.NumberFutex, word, LibC.FutexWaitPrivate, expected, null, null, 0);

    internal static bool FutexWait(int* word, int expected, uint milliseconds)
    {
        long* time = stackalloc long[2] { milliseconds / 1000, milliseconds % 1000 * 1_000_000 };
        long result = LibC.SystemCall(LibC.NumberFutex, word, LibC.FutexWaitPrivate, expected, time, null, 0);
        return result == 0 || Marshal.GetLastSystemError() != Errno.TimedOut;
    }

    /// <summary>What others do while somebody sleeps.</summary>
    internal static Action WhileSleeping { get; set; }

    internal static void Sleep(uint milliseconds)
    {
        WhileSleeping?.Invoke();
        Thread.Sleep((int)milliseconds);
    }

    internal static void FutexWake(int* word, int count) =>
        LibC.SystemCall(LibC.NumberFutex, word, LibC.FutexWakePrivate, count, null, null, 0);

    internal static int Write(int file, byte* text, nuint length)
    {
        Written.Add(new ReadOnlySpan<byte>(text, (int)length).ToArray());
        return WriteResult;
    }

    internal static int OpenForReading(byte* path)
    {
        string name = Marshal.PtrToStringUTF8((nint)path);
        Opened.Add(name);
        if (!Files.TryGetValue(name, out (byte[] Bytes, int OpenError, int ReadError) file))
        {
            return -Errno.NoEntry;
        }

        if (file.OpenError != 0)
        {
            return file.OpenError;
        }

        int number = 3;
        while (!s_open.TryAdd(number, (name, 0)))
        {
            number++;
        }

        return number;
    }

    internal static int Read(int number, byte* bytes, int length)
    {
        (string path, int offset) = s_open[number];
        (byte[] content, _, int error) = Files[path];
        length = Math.Min(Math.Min(length, ReadLength), content.Length - offset);
        if (length == 0)
        {
            return error;
        }

        content.AsSpan(offset, length).CopyTo(new Span<byte>(bytes, length));
        s_open[number] = (path, offset + length);
        return length;
    }

    /// <summary>What /proc/thread-self/pagemap says of a page of the kernel's; the file must be among <see cref="Files"/>.</summary>
    internal static Func<nuint, ulong> PageEntry { get; set; }

    internal static nint ReadAt(int number, byte* bytes, nint length, nint offset)
    {
        for (int entry = 0; entry < length / sizeof(ulong); entry++)
        {
            ((ulong*)bytes)[entry] = PageEntry((nuint)(offset / sizeof(ulong) + entry));
        }

        return length;
    }

    internal static int ReadFolder(int number, byte* entries, int length) => Read(number, entries, length);

    internal static int ThreadId() => Environment.ProcessId;

    /// <summary>As the kernel does it, for this process.</summary>
    internal static nint ReadOwn(int thread, byte* to, nuint bytes, MemoryPart* parts, int count)
    {
        MemoryPart room = new() { Start = (nuint)to, Bytes = bytes };
        long read = LibC.SystemCall(LibC.NumberProcessVmReadv, (void*)Environment.ProcessId, (long)&room, 1, parts, (void*)count, 0);
        return read >= 0 ? (nint)read : -Errno.BadAddress;
    }

    internal static bool TryCopy(void* to, void* from, nuint bytes)
    {
        MemoryPart part = new() { Start = (nuint)from, Bytes = bytes };
        return ReadOwn(ThreadId(), (byte*)to, bytes, &part, 1) == (nint)bytes;
    }

    internal static void Close(int number)
    {
        if (!s_open.Remove(number))
        {
            throw new InvalidOperationException($"close({number}) is an error");
        }
    }

    internal static int DuplicateAside(int file) => file;

    /// <summary>Each descriptor is open, and of a file of its own.</summary>
    internal static void IdentityOf(int file, ulong* identity)
    {
        identity[0] = 1;
        identity[1] = (ulong)file + 1;
    }

    internal static ulong MachineMemory() => Memory;

    private static byte* MapAt(byte* start, nuint bytes, int protection)
    {
        int flags = LibC.MapPrivateAnonymous | LibC.MapNoReserve | LibC.MapFixed;
        byte* result = LibC.Map(start, bytes, protection, flags, -1, 0);
        if (result != start)
        {
            throw new OutOfMemoryException($"mmap of {bytes} bytes failed");
        }

        return result;
    }
}

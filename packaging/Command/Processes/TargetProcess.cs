using System.Globalization;
using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>Another process, and its memory. It runs on while it is looked at, and may end at any time.</summary>
internal sealed unsafe class TargetProcess
{
    private readonly string _startTime;

    internal int Number { get; }

    /// <summary>Its folder in /proc.</summary>
    internal string Folder { get; }

    /// <summary>The program's name, in characters that do nothing to a terminal.</summary>
    internal string Name { get; }

    internal TargetProcess(int number)
    {
        Number = number;
        Folder = $"/proc/{number}";
        Name = NameNow();
        _startTime = StartTime() ?? throw Ended();
    }

    /// <summary>The program's file, as the process's mappings name it.</summary>
    internal string Program => new FileInfo(Folder + "/exe").LinkTarget ?? "";

    /// <summary>What the kernel counts as its memory, of files too.</summary>
    internal ulong ResidentBytes => ulong.Parse(ReadFile("statm").Split(' ')[1], CultureInfo.InvariantCulture) * (ulong)Environment.SystemPageSize;

    public override string ToString() => $"process {Number} ({Name})";

    internal Refusal Refuse(string why) => new($"{this} {why}");

    internal Refusal Ended() => new(_startTime == null && !Directory.Exists(Folder) ? $"there is no process {Number}" : $"{this} has ended");

    /// <summary>A file of its folder in /proc.</summary>
    internal string ReadFile(string name)
    {
        try
        {
            return File.ReadAllText($"{Folder}/{name}");
        }
        catch (UnauthorizedAccessException)
        {
            throw NotPermitted();
        }
        catch (IOException)
        {
            throw Ended();
        }
    }

    /// <summary>Reads what is there; false where part of it is not mapped.</summary>
    internal bool TryRead(ulong address, Span<byte> into)
    {
        fixed (byte* start = into)
        {
            Kernel.Piece here = new() { Start = (nuint)start, Length = (nuint)into.Length };
            Kernel.Piece there = new() { Start = (nuint)address, Length = (nuint)into.Length };
            nint done = Kernel.Read(Number, &here, 1, &there, 1, 0);
            return Check(done) == into.Length;
        }
    }

    /// <summary>Reads what must be there.</summary>
    internal void Fill(ulong address, Span<byte> into)
    {
        if (!TryRead(address, into))
        {
            throw Changed();
        }
    }

    /// <summary>Reads pieces that must be there, in their order, one behind the other; by one call, if they are not very many.</summary>
    internal void ReadPieces(ReadOnlySpan<Kernel.Piece> pieces, Span<byte> into)
    {
        fixed (Kernel.Piece* there = pieces)
        fixed (byte* start = into)
        {
            nuint done = 0;
            for (int next = 0; next < pieces.Length; next += Kernel.MostPieces)
            {
                int count = Math.Min(pieces.Length - next, Kernel.MostPieces);
                nuint bytes = 0;
                for (int i = next; i < next + count; i++)
                {
                    bytes += pieces[i].Length;
                }

                if (bytes > (nuint)into.Length - done)
                {
                    throw Changed();
                }

                Kernel.Piece here = new() { Start = (nuint)start + done, Length = bytes };
                done += Check(Kernel.Read(Number, &here, 1, there + next, (nuint)count, 0)) == (long)bytes ? bytes : throw Changed();
            }
        }
    }

    /// <summary>Reads one piece of the same length at each address, one behind the other; false where it could not be had.</summary>
    internal bool[] ReadEach(ReadOnlySpan<ulong> addresses, int length, Span<byte> into)
    {
        bool[] had = new bool[addresses.Length];
        fixed (byte* start = into)
        {
            Kernel.Piece* there = stackalloc Kernel.Piece[Kernel.MostPieces];
            for (int next = 0; next < addresses.Length;)
            {
                int count = Math.Min(addresses.Length - next, Kernel.MostPieces);
                for (int i = 0; i < count; i++)
                {
                    there[i] = new Kernel.Piece { Start = (nuint)addresses[next + i], Length = (nuint)length };
                }

                // The kernel stops at the first that cannot be read.
                Kernel.Piece here = new() { Start = (nuint)(start + (nint)next * length), Length = (nuint)(count * length) };
                int whole = (int)(Check(Kernel.Read(Number, &here, 1, there, (nuint)count, 0)) / length);
                had.AsSpan(next, whole).Fill(true);
                next += whole < count ? whole + 1 : count;
            }
        }

        return had;
    }

    /// <summary>Reads a structure that must be there.</summary>
    internal T Read<T>(ulong address)
        where T : unmanaged
    {
        T value;
        return TryRead(address, new Span<byte>(&value, sizeof(T))) ? value : throw Changed();
    }

    /// <summary>Writes one word, if the process is still the one that was found.</summary>
    internal void Write(ulong address, ulong value)
    {
        if (StartTime() != _startTime)
        {
            throw Ended();
        }

        Kernel.Piece here = new() { Start = (nuint)(&value), Length = sizeof(ulong) };
        Kernel.Piece there = new() { Start = (nuint)address, Length = sizeof(ulong) };
        if (Check(Kernel.Write(Number, &here, 1, &there, 1, 0)) != sizeof(ulong))
        {
            throw Changed();
        }
    }

    /// <summary>It runs another program by now, or its memory is not what it should be.</summary>
    internal Refusal Changed() => StartTime() != _startTime ? Ended()
        : NameNow() is var now && now != Name ? Refuse($"runs another program by now: {now}")
        : Refuse("changed while it was read: it may run another program by now");

    /// <summary>What is made of memory that leads nowhere, as of one that begins another program just then, is a refusal as <see cref="Changed"/>.</summary>
    internal T Understand<T>(Func<T> reading)
    {
        try
        {
            return reading();
        }
        catch (Exception error) when (error is ArgumentException or ArithmeticException or IndexOutOfRangeException or OutOfMemoryException)
        {
            throw Changed();
        }
    }

    private string NameNow() => Printable.Of(ReadFile("comm").Trim());

    // Bytes that were had.
    private long Check(nint done)
    {
        if (done >= 0)
        {
            return done;
        }

        return Marshal.GetLastPInvokeError() switch
        {
            Errno.BadAddress => 0,
            Errno.NoSuchProcess => throw Ended(),
            Errno.NotPermitted => throw NotPermitted(),
            Errno.NoSystemCall => throw Refuse("cannot be read: this kernel, or a filter of system calls, has no process_vm_readv"),
            int error => throw Refuse("cannot be read: " + Marshal.GetPInvokeErrorMessage(error)),
        };
    }

    // When it started, by which it is told from a later one of the same number; null if it is gone. A zombie has no memory any more.
    private string? StartTime()
    {
        try
        {
            string line = File.ReadAllText(Folder + "/stat");
            string[] fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : fields[19];
        }
        catch (IOException)
        {
            return null;
        }
    }

    private Refusal NotPermitted()
    {
        string[] status = File.Exists(Folder + "/status") ? File.ReadAllLines(Folder + "/status") : [];
        string? owner = status.FirstOrDefault(line => line.StartsWith("Uid:"))?.Split('\t')[1];
        if (owner == null)
        {
            return Ended();
        }

        if (owner != Kernel.UserId().ToString())
        {
            return new NotPermitted($"{this} belongs to another user ({owner}): run this as that user, or as root");
        }

        const string Yama = "/proc/sys/kernel/yama/ptrace_scope";
        string scope = File.Exists(Yama) ? File.ReadAllText(Yama).Trim() : "0";
        return new NotPermitted(this + " " + (scope == "0"
            ? "may not be looked at: it has more rights than you, or has forbidden it (PR_SET_DUMPABLE); root may, with CAP_SYS_PTRACE"
            : $"may not be looked at (kernel.yama.ptrace_scope is {scope}): run this as root, or set that to 0"));
    }
}

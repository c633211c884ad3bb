using System;

namespace NativeMalloc;

/// <summary>A thread of the process, as far as the search knows it.</summary>
internal unsafe struct SearchedThread
{
    internal const int RegisterWords = 27; // struct user_regs_struct
    internal const int VectorWords = 64; // the layout of FXSAVE

    internal int Id;

    /// <summary>It was told to stop.</summary>
    internal bool IsAsked;

    /// <summary>It stands still, and this is where, and what its registers hold.</summary>
    internal bool IsStopped;

    /// <summary>It has ended, but is listed as long as the others live: the first thread of a process.</summary>
    internal bool HasEnded;

    /// <summary>A signal that was on its way to it then.</summary>
    internal int Signal;

    /// <summary>What lies below on its stack is nothing any more; 0 where that is not known.</summary>
    internal nuint StackPointer;
    internal fixed ulong Registers[RegisterWords];
    internal fixed ulong Vectors[VectorWords];
}

/// <summary>The threads of the process, from /proc/PID/task.</summary>
internal unsafe struct ThreadList
{
    private const int PathBytes = 48; // two numbers of at most ten digits
    private const int EntryBytes = 1024;

    private int _processId;
    private SearchedThread* _threads;
    private int _room;

    internal int Count { get; private set; }

    /// <summary>So many more there are, for which the list has no room.</summary>
    internal int Missing { get; private set; }

    internal readonly SearchedThread* this[int number] => _threads + number;

    internal static nuint BytesNeeded(int threads) => SearchMemory.Rounded((nuint)(threads * sizeof(SearchedThread)));

    /// <summary>How many threads the process has, or a negative errno.</summary>
    internal int CountAll(int processId)
    {
        _processId = processId;
        return Update();
    }

    internal void Prepare(ref SearchMemory memory, int room)
    {
        _threads = (SearchedThread*)memory.Take((nuint)(room * sizeof(SearchedThread)));
        _room = room;
    }

    internal readonly SearchedThread* Find(int id)
    {
        for (int number = 0; number < Count; number++)
        {
            if (_threads[number].Id == id)
            {
                return _threads + number;
            }
        }

        return null;
    }

    /// <summary>Adds those that are not in the list yet; how many threads there are, or a negative errno.</summary>
    internal int Update()
    {
        byte* name = stackalloc byte[PathBytes];
        PathOf(name, 0, default);
        int folder = Os.OpenForReading(name);
        if (folder < 0)
        {
            return folder;
        }

        byte* entries = stackalloc byte[EntryBytes];
        int all = 0;
        Missing = 0;
        for (int bytes; (bytes = Os.ReadFolder(folder, entries, EntryBytes)) > 0;)
        {
            // struct linux_dirent64: inode, offset, length, type, name
            for (byte* entry = entries; entry < entries + bytes; entry += *(ushort*)(entry + 16))
            {
                int id = Number(entry + 19);
                if (id == 0)
                {
                    continue;
                }

                all++;
                if (Find(id) != null)
                {
                    continue;
                }

                if (Count < _room)
                {
                    _threads[Count++].Id = id;
                }
                else
                {
                    Missing++;
                }
            }
        }

        Os.Close(folder);
        return all;
    }

    /// <summary>
    /// Of those that are not stopped: finds out which have ended, and where the stacks of those end that wait in the kernel, and what they gave it, if it
    /// tells.
    /// </summary>
    internal void FindWaiting()
    {
        byte* name = stackalloc byte[PathBytes];
        for (int number = 0; number < Count; number++)
        {
            SearchedThread* thread = _threads + number;
            FileBytes file = default;
            if (thread->IsStopped)
            {
                continue;
            }

            PathOf(name, thread->Id, "/stat"u8);
            if (file.Open(name))
            {
                thread->HasEnded = HasEnded(ref file);
                file.Close();
            }
            else
            {
                thread->HasEnded = file.Error == -Errno.NoEntry;
            }

            PathOf(name, thread->Id, "/syscall"u8);
            if (!thread->HasEnded && file.Open(name))
            {
                ReadPlace(thread, ref file);
                file.Close();
            }
        }
    }

    // Its number, its name in parentheses, which may be anything, and its state: a first thread that has ended is a zombie.
    private static bool HasEnded(ref FileBytes file)
    {
        const int StatePlace = 2; // behind the last parenthesis
        int state = 0;
        int place = StatePlace;
        for (int next = file.Next(); next != FileBytes.End; next = file.Next())
        {
            place = next == ')' ? 0 : place + 1;
            state = place == StatePlace ? next : state;
        }

        return state is 0 or 'Z' or 'X';
    }

    // "running", or a system call's number, its six arguments, the stack pointer and the instruction's; or "-1" and those, if it waits otherwise.
    private static void ReadPlace(SearchedThread* thread, ref FileBytes file)
    {
        int first = file.Next();
        int place = first == '-' ? 1 : 7;
        for (int word = 0; file.Last is >= '0' and <= '9' or '-'; word++, file.Next())
        {
            ulong value = HexadecimalIn(ref file);
            if (word == place)
            {
                thread->StackPointer = (nuint)value;
            }
            else if (word < place)
            {
                thread->Registers[word] = value;
            }
        }
    }

    // "0x" and digits, or decimal ones, which are of no interest; the first has been read.
    private static ulong HexadecimalIn(ref FileBytes file)
    {
        file.Hexadecimal(out ulong number);
        if (file.Last == 'x')
        {
            file.Hexadecimal(out number);
        }

        return number;
    }

    private static int Number(byte* text)
    {
        int number = 0;
        for (; *text is >= (byte)'0' and <= (byte)'9'; text++)
        {
            number = number * 10 + *text - '0';
        }

        return *text == 0 ? number : 0;
    }

    // "/proc/PID/task", or "/proc/PID/task/ID" and what is behind.
    private readonly void PathOf(byte* path, int thread, ReadOnlySpan<byte> behind)
    {
        Output output = Output.ToMemory(path, PathBytes);
        output.Text("/proc/"u8);
        output.Decimal((nuint)_processId);
        output.Text("/task"u8);
        if (thread != 0)
        {
            output.Text("/"u8);
            output.Decimal((nuint)thread);
            output.Text(behind);
        }

        output.Finish();
    }
}

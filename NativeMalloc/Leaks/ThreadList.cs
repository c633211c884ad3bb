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
                if (Count < _room && Find(id) == null)
                {
                    _threads[Count++].Id = id;
                }
            }
        }

        Os.Close(folder);
        return all;
    }

    /// <summary>Finds out where the stacks of threads end that wait in the kernel, and what they gave it: of those that are not stopped.</summary>
    internal void FindWaiting()
    {
        byte* name = stackalloc byte[PathBytes];
        for (int number = 0; number < Count; number++)
        {
            SearchedThread* thread = _threads + number;
            FileBytes file = default;
            PathOf(name, thread->Id, "/syscall"u8);
            if (thread->IsStopped)
            {
                continue;
            }

            thread->HasEnded = true; // it has, if there is no such file
            if (file.Open(name))
            {
                ReadPlace(thread, ref file);
                file.Close();
            }
        }
    }

    // "running", or a system call's number, its six arguments, the stack pointer and the instruction's; or "-1" and those, if it waits otherwise. They
    // are 0 if it has ended.
    private static void ReadPlace(SearchedThread* thread, ref FileBytes file)
    {
        int first = file.Next();
        int place = first == '-' ? 1 : 7;
        thread->HasEnded = first == FileBytes.End;
        for (int word = 0; file.Last is >= '0' and <= '9' or '-'; word++, file.Next())
        {
            ulong value = HexadecimalIn(ref file);
            if (word == place)
            {
                thread->StackPointer = (nuint)value;
                thread->HasEnded = value == 0;
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
        ulong number = 0;
        for (int next = file.Next(); next is not ' ' and not '\n' and not FileBytes.End; next = file.Next())
        {
            int digit = next is >= '0' and <= '9' ? next - '0' : next is >= 'a' and <= 'f' ? next - 'a' + 10 : 0;
            number = number << 4 | (uint)digit;
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

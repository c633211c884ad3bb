using System;

namespace NativeMalloc;

/// <summary>One mapping of the process, as the kernel lists it.</summary>
internal unsafe struct MemoryMapping
{
    internal nuint Start;
    internal nuint End;
    internal bool CanRead;
    internal bool CanWrite;
    internal bool IsShared;

    /// <summary>Memory that the kernel made for the purpose: of no file, or of one that has no name.</summary>
    internal bool IsAnonymous;

    /// <summary>The kernel's own: its clock's page.</summary>
    internal bool IsKernels;

    /// <summary>The stack of the process's first thread.</summary>
    internal bool IsStack;

    /// <summary>Memory as malloc gives it.</summary>
    internal readonly bool IsPlain => CanRead && CanWrite && !IsShared && IsAnonymous && !IsKernels;
}

/// <summary>
/// The mappings of the process, in the order of their addresses. (As this thread has them: where the first thread has ended, /proc/self has none.)
/// </summary>
internal unsafe struct MemoryMappings
{
    private const int NameBytes = 12;

    private FileBytes _file;

    /// <summary>False where there is no /proc; an errno is in <see cref="Error"/>.</summary>
    internal bool Open() => _file.Open(Literal.Pointer("/proc/thread-self/maps"u8));

    internal readonly int Error => -_file.Error;

    internal readonly void Close() => _file.Close();

    /// <summary>The next; false at the end.</summary>
    internal bool Next(out MemoryMapping mapping)
    {
        mapping = default;
        mapping.Start = Hexadecimal();
        mapping.End = Hexadecimal();
        if (mapping.End <= mapping.Start)
        {
            return false;
        }

        mapping.CanRead = _file.Next() == 'r';
        mapping.CanWrite = _file.Next() == 'w';
        _file.Next();
        mapping.IsShared = _file.Next() == 's';
        _file.Next();
        Hexadecimal(); // offset
        Hexadecimal(); // device, in two parts
        Hexadecimal();
        bool hasFile = Hexadecimal() != 0; // inode, whatever its digits mean
        byte* name = stackalloc byte[NameBytes + 1];
        ReadName(name);
        mapping.IsAnonymous = !hasFile || Begins(name, "/dev/zero"u8) || Begins(name, "/memfd:"u8) || Begins(name, "/SYSV"u8) || Begins(name, "/dev/shm/"u8);
        mapping.IsKernels = Begins(name, "[v"u8);
        mapping.IsStack = Begins(name, "[stack]"u8);
        return true;
    }

    // A number and the character behind it.
    private nuint Hexadecimal()
    {
        nuint number = 0;
        for (int next = _file.Next(); ; next = _file.Next())
        {
            int digit = next is >= '0' and <= '9' ? next - '0' : next is >= 'a' and <= 'f' ? next - 'a' + 10 : -1;
            if (digit < 0)
            {
                return number;
            }

            number = number << 4 | (nuint)digit;
        }
    }

    // Its first bytes, and the rest of the line.
    private void ReadName(byte* name)
    {
        int length = 0;
        while (_file.Last is not '\n' and not FileBytes.End)
        {
            int next = _file.Next();
            if (next is not ' ' and not '\n' and not FileBytes.End && length < NameBytes)
            {
                name[length++] = (byte)next;
            }
        }

        name[length] = 0;
    }

    private static bool Begins(byte* name, ReadOnlySpan<byte> with)
    {
        for (int i = 0; i < with.Length; i++)
        {
            if (name[i] != with[i])
            {
                return false;
            }
        }

        return true;
    }
}

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
        MappingLine line = default;
        if (!line.TryRead(ref _file))
        {
            return false;
        }

        mapping.Start = (nuint)line.Start;
        mapping.End = (nuint)line.End;
        mapping.CanRead = line.CanRead;
        mapping.CanWrite = line.CanWrite;
        mapping.IsShared = line.IsShared;
        bool hasFile = line.Inode != 0;
        byte* name = stackalloc byte[NameBytes + 1];
        ReadName(name);
        mapping.IsAnonymous = !hasFile || Begins(name, "/dev/zero"u8) || Begins(name, "/memfd:"u8) || Begins(name, "/SYSV"u8) || Begins(name, "/dev/shm/"u8);
        mapping.IsKernels = Begins(name, "[v"u8);
        mapping.IsStack = Begins(name, "[stack]"u8);
        return true;
    }

    // Its first bytes, and the rest of the line.
    private void ReadName(byte* name)
    {
        int length = 0;
        for (; _file.Last is not '\n' and not FileBytes.End; _file.Next())
        {
            if (_file.Last != ' ' && length < NameBytes)
            {
                name[length++] = (byte)_file.Last;
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

using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// How much memory the process may have by its control group (cgroups(7)): the least limit from its own group up to the root, of version 2
/// (memory.max) or 1 (memory.limit_in_bytes). Read once, at the start, since later a filter may kill who opens files.
/// </summary>
internal static unsafe class MemoryLimit
{
    private const int BufferBytes = 4096;

    /// <summary>Bytes; all bits set where there is no limit, or none that can be read.</summary>
    internal static ulong Bytes { get; private set; } = ulong.MaxValue;

    [MethodImpl(MethodImplOptions.NoInlining)] // its buffers are not for those who come by
    internal static void Read()
    {
        byte* groups = stackalloc byte[BufferBytes];
        int length = ReadFile("/proc/self/cgroup\0"u8, groups);
        for (int line = 0; line < length;)
        {
            int end = line;
            while (end < length && groups[end] != '\n')
            {
                end++;
            }

            ReadGroup(groups + line, end - line);
            line = end + 1;
        }
    }

    // A line "0::PATH", or "NUMBER:CONTROLLERS:PATH" with memory among the controllers.
    private static void ReadGroup(byte* line, int length)
    {
        int first = IndexOf(line, length, 0, (byte)':');
        int second = IndexOf(line, length, first + 1, (byte)':');
        if (second == length)
        {
            return;
        }

        ReadOnlySpan<byte> memory = "memory"u8;
        bool unified = second == first + 1;
        bool found = unified;
        for (int name = first + 1; name < second && !found; name = IndexOf(line, second, name, (byte)',') + 1)
        {
            found = IndexOf(line, second, name, (byte)',') is var end && (end < second ? end : second) - name == memory.Length && Same(line + name, memory);
        }

        if (found)
        {
            ReadUpwards(unified, line + second + 1, length - second - 1);
        }
    }

    // Of the group, and of each above it.
    private static void ReadUpwards(bool unified, byte* path, int length)
    {
        ReadOnlySpan<byte> root = unified ? "/sys/fs/cgroup"u8 : "/sys/fs/cgroup/memory"u8;
        ReadOnlySpan<byte> name = unified ? "/memory.max\0"u8 : "/memory.limit_in_bytes\0"u8;
        byte* file = stackalloc byte[BufferBytes];
        byte* text = stackalloc byte[64];
        while (length + root.Length + name.Length < BufferBytes)
        {
            while (length > 0 && path[length - 1] == '/')
            {
                length--;
            }

            int at = Append(file, 0, root);
            for (int i = 0; i < length; i++)
            {
                file[at++] = path[i];
            }

            Append(file, at, name);
            int read = Os.ReadFile(file, text, 64);
            ulong limit = read > 0 ? Number(text, read) : ulong.MaxValue;
            Bytes = limit < Bytes ? limit : Bytes;
            if (length == 0)
            {
                return;
            }

            while (length > 0 && path[length - 1] != '/')
            {
                length--;
            }
        }
    }

    // "max" is no number, and no limit.
    private static ulong Number(byte* text, int length)
    {
        ulong number = 0;
        int i = 0;
        for (; i < length && text[i] is >= (byte)'0' and <= (byte)'9'; i++)
        {
            number = number * 10 + text[i] - '0';
        }

        return i > 0 ? number : ulong.MaxValue;
    }

    private static int ReadFile(ReadOnlySpan<byte> path, byte* buffer) =>
        Os.ReadFile((byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in path[0])), buffer, BufferBytes);

    private static int IndexOf(byte* text, int length, int from, byte wanted)
    {
        while (from < length && text[from] != wanted)
        {
            from++;
        }

        return from < length ? from : length;
    }

    private static bool Same(byte* text, ReadOnlySpan<byte> other)
    {
        for (int i = 0; i < other.Length; i++)
        {
            if (text[i] != other[i])
            {
                return false;
            }
        }

        return true;
    }

    private static int Append(byte* text, int at, ReadOnlySpan<byte> more)
    {
        for (int i = 0; i < more.Length; i++)
        {
            text[at + i] = more[i];
        }

        return at + more.Length;
    }
}

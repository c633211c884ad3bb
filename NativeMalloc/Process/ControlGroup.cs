using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// How much memory the process may have by its control group: the least limit of that and of all groups around it that can be seen from here
/// (memory.max and memory.high of version 2; memory.limit_in_bytes of version 1, where memory.stat tells those that cannot be seen). Where
/// none is less than the machine's memory, it is that.
/// </summary>
/// <remarks>
/// Read from /proc/self/cgroup, which names the group, /proc/self/mountinfo, which says where groups lie in the file system, and the groups'
/// files. By one thread at a time; the paths do not lie on the stack, of which there may be little.
/// </remarks>
internal static unsafe class ControlGroup
{
    /// <summary>The kernel takes no longer path (PATH_MAX), and the longest of the names that are added to a group's folder.</summary>
    private const int MaxPath = 4096;
    private const int MaxName = 32;

    /// <summary>A character that was written as an escape, so that it ends nothing.</summary>
    private const int Escaped = 0x100;

    private static Texts s_texts;
    private static Search s_search;
    private static bool s_otherSource;

    private struct Texts
    {
        internal fixed byte Group[MaxPath];
        internal fixed byte Path[MaxPath + MaxName];

        // The file that the last search found, and that of the one before it, which statistics may be reading.
        internal fixed byte Source[MaxPath + MaxName];
        internal fixed byte OtherSource[MaxPath + MaxName];
    }

    private struct Search
    {
        internal bool IsFirstVersion;
        internal ulong Least;

        // A group's folder was found; and something that may be a limit could not be read at the moment.
        internal bool Found;
        internal bool Incomplete;

        internal readonly bool IsValid => Found && !Incomplete;
    }

    private static byte* Group => ((Texts*)Unsafe.AsPointer(ref s_texts))->Group;

    private static byte* Path => ((Texts*)Unsafe.AsPointer(ref s_texts))->Path;

    /// <summary>The file that the limit was found in; empty where it is the machine's memory.</summary>
    internal static byte* Source => SourceOf(s_otherSource);

    private static byte* SourceOf(bool other) =>
        other ? ((Texts*)Unsafe.AsPointer(ref s_texts))->OtherSource : ((Texts*)Unsafe.AsPointer(ref s_texts))->Source;

    /// <summary>
    /// Looks for the limit, in bytes (<see cref="Options.NoLimit"/>: not even the machine says what it has). False if there may be a lower one, since
    /// something stood in the way, or the group is not to be seen, as in a chroot; then <see cref="Source"/> becomes what was found only if
    /// <paramref name="take"/>.
    /// </summary>
    internal static bool Find(bool take, out ulong bytes)
    {
        ulong memory = Os.MachineMemory();
        s_search = new Search { Least = memory != 0 ? memory : Options.NoLimit };
        SourceOf(!s_otherSource)[0] = 0;
        if (ReadGroup())
        {
            ReadMounts();
        }

        s_otherSource ^= take || s_search.IsValid;
        bytes = s_search.Least;
        return s_search.IsValid;
    }

    // The group's path, in the hierarchy that limits memory; false if there is none. Lines are "4:cpu,memory:/path", that of version 2 "0::/path".
    private static bool ReadGroup()
    {
        FileBytes file = default;
        if (!Open(ref file, Literal.Pointer("/proc/self/cgroup"u8)))
        {
            return false;
        }

        bool found = false;
        while (!s_search.IsFirstVersion)
        {
            bool isSecond = file.Next() == '0' && file.Next() == ':' && file.Next() == ':';
            bool isFirst = !isSecond && (file.Last == ':' || Skip(ref file, ':')) && Skip(ref file, ':', "memory"u8, out bool memory) && memory;
            if (isSecond || isFirst)
            {
                found = ReadText(ref file, '\n', Group, unescape: false) && *Group == '/';
                s_search.IsFirstVersion = isFirst;
            }

            if (!file.EndLine())
            {
                break;
            }
        }

        Close(ref file);
        return found;
    }

    // "36 35 98:0 /root /mount/point options [more...] - type source options", for each mount. The group may be seen through several.
    private static void ReadMounts()
    {
        FileBytes file = default;
        if (!Open(ref file, Literal.Pointer("/proc/self/mountinfo"u8)))
        {
            return;
        }

        do
        {
            byte* below = null;
            if (Skip(ref file, ' ') && Skip(ref file, ' ') && Skip(ref file, ' ') && ReadText(ref file, ' ', Path, unescape: true)
                && (below = Below(Path, Group)) != null && ReadText(ref file, ' ', Path, unescape: true) && IsOfHierarchy(ref file))
            {
                LookThrough(below);
            }
        }
        while (file.EndLine());
        Close(ref file);
    }

    // The rest of a mount's line, behind the mount point.
    private static bool IsOfHierarchy(ref FileBytes file)
    {
        bool last = false;
        while (!last)
        {
            if (!Skip(ref file, ' ', "-"u8, out last))
            {
                return false;
            }
        }

        if (!s_search.IsFirstVersion)
        {
            return Skip(ref file, ' ', "cgroup2"u8, out bool second) && second;
        }

        if (!Skip(ref file, ' ', "cgroup"u8, out bool first) || !first || !Skip(ref file, ' '))
        {
            return false;
        }

        Skip(ref file, '\n', "memory"u8, out bool memory);
        return memory;
    }

    /// <summary>
    /// What the group's path has behind that of a mount's root, if it is the root or lies below it; else null. Both begin with a slash. In a
    /// namespace paths go up from its own root ("/.."): where it is not known through which groups they come down again, but that they do, the
    /// root is all that there is to see.
    /// </summary>
    internal static byte* Below(byte* root, byte* group)
    {
        root += root[1] == 0 ? 1 : 0;
        group += group[1] == 0 ? 1 : 0;
        while (*root != 0)
        {
            int length = 1;
            while (root[length] is not 0 and not (byte)'/')
            {
                length++;
            }

            if (!Begins(group, root, length))
            {
                break;
            }

            root += length;
            group += length;
        }

        if (GoesUp(group))
        {
            return null;
        }

        group += *root != 0 ? Length(group) : 0;
        while (GoesUp(root))
        {
            root += 3;
        }

        return *root == 0 ? group : null;
    }

    // With so many bytes, which are whole names.
    private static bool Begins(byte* group, byte* root, int length)
    {
        for (int i = 0; i < length; i++)
        {
            if (group[i] != root[i])
            {
                return false;
            }
        }

        return group[length] is 0 or (byte)'/';
    }

    private static bool GoesUp(byte* path) => path[0] == '/' && path[1] == '.' && path[2] == '.' && path[3] is 0 or (byte)'/';

    // From the group's folder up to the mount point, whose path is given.
    private static void LookThrough(byte* below)
    {
        s_search.Found = true;
        int top = Length(Path);
        top -= Path[top - 1] == '/' ? 1 : 0; // "/"
        if (top + Length(below) >= MaxPath)
        {
            s_search.Incomplete = true;
            return;
        }

        for (int length = Append(top, below); ; )
        {
            if (s_search.IsFirstVersion)
            {
                Look(length, "/memory.limit_in_bytes\0"u8, ""u8);
            }
            else
            {
                Look(length, "/memory.max\0"u8, ""u8);
                Look(length, "/memory.high\0"u8, ""u8);
            }

            if (length == top)
            {
                break;
            }

            while (Path[--length] != '/')
            {
            }
        }

        if (s_search.IsFirstVersion)
        {
            Look(Append(top, below), "/memory.stat\0"u8, "hierarchical_memory_limit "u8);
        }
    }

    private static int Append(int length, byte* text)
    {
        int more = Length(text);
        Shim.Move(Path + length, text, (nuint)more);
        return length + more;
    }

    // One file of the group whose path has so many bytes: the number behind the words.
    private static void Look(int length, ReadOnlySpan<byte> name, ReadOnlySpan<byte> words)
    {
        for (int i = 0; i < name.Length; i++)
        {
            Path[length + i] = name[i];
        }

        FileBytes file = default;
        if (!Open(ref file, Path))
        {
            return;
        }

        if (FindNumber(ref file, words, out ulong bytes) && bytes < s_search.Least)
        {
            s_search.Least = bytes;
            Shim.Move(SourceOf(!s_otherSource), Path, (nuint)(length + name.Length));
        }

        Close(ref file);
    }

    // On the line that begins with the words; false if there is none, or it is no number ("max").
    private static bool FindNumber(ref FileBytes file, ReadOnlySpan<byte> words, out ulong number)
    {
        int matched;
        do
        {
            matched = 0;
            while (file.Next() == (matched < words.Length ? words[matched] : -2))
            {
                matched++;
            }
        }
        while (matched < words.Length && file.EndLine());

        number = 0;
        int digits = 0;
        for (; file.Last is >= '0' and <= '9'; file.Next(), digits++)
        {
            number = number < ulong.MaxValue / 10 ? number * 10 + (ulong)(file.Last - '0') : ulong.MaxValue;
        }

        return matched == words.Length && digits > 0 && file.Last is '\n' or FileBytes.End;
    }

    // That there is no such file, or that it may not be read, is not going to change.
    private static bool Open(ref FileBytes file, byte* path)
    {
        bool opened = file.Open(path);
        s_search.Incomplete |= file.Error is -Errno.NoMemory or -Errno.TooManyFilesInSystem or -Errno.TooManyFiles;
        return opened;
    }

    private static void Close(ref FileBytes file)
    {
        s_search.Incomplete |= file.Error != 0;
        file.Close();
    }

    // To behind such a character; false if the line ends before.
    private static bool Skip(ref FileBytes file, int end) => Skip(ref file, end, ""u8, out _);

    // The same; "found": what was passed over, parted by commas, has the word.
    private static bool Skip(ref FileBytes file, int end, ReadOnlySpan<byte> word, out bool found)
    {
        found = false;
        int matched = 0;
        int next;
        do
        {
            next = file.Next();
            bool ends = next is ',' or '\n' or FileBytes.End || next == end;
            found |= ends && matched == word.Length;
            matched = ends ? 0 : matched >= 0 && matched < word.Length && next == word[matched] ? matched + 1 : -1;
        }
        while (next is not '\n' and not FileBytes.End && next != end);
        return next == end;
    }

    // Text up to such a character (of a last line, to its end), with a zero behind it; false if it is empty, too long, or the line ends before.
    private static bool ReadText(ref FileBytes file, int end, byte* text, bool unescape)
    {
        int length = 0;
        int next;
        while ((next = unescape ? NextUnescaped(ref file) : file.Next()) != end && next is not '\n' and not FileBytes.End)
        {
            if (length < MaxPath)
            {
                text[length++] = (byte)next;
            }
        }

        bool valid = (next == end || end == '\n') && length is > 0 and < MaxPath;
        text[valid ? length : 0] = 0;
        return valid;
    }

    // "\040" is a space.
    private static int NextUnescaped(ref FileBytes file)
    {
        int next = file.Next();
        if (next != '\\')
        {
            return next;
        }

        next = 0;
        for (int i = 0; i < 3; i++)
        {
            if (file.Next() is < '0' or > '7')
            {
                return file.Last;
            }

            next = next * 8 + file.Last - '0';
        }

        return Escaped | next;
    }

    private static int Length(byte* text)
    {
        int length = 0;
        while (text[length] != 0)
        {
            length++;
        }

        return length;
    }
}

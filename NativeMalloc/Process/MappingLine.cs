namespace NativeMalloc;

/// <summary>A line of the kernel's list of mappings (/proc/PID/maps), but for its name.</summary>
internal struct MappingLine
{
    internal ulong Start;
    internal ulong End;
    internal bool CanRead;
    internal bool CanWrite;
    internal bool CanExecute;
    internal bool IsShared;
    internal ulong Offset;

    /// <summary>The file's device, and its number there: 0 if there is none.</summary>
    internal ulong Major;
    internal ulong Minor;
    internal ulong Inode;

    /// <summary>
    /// "start-end rwxp offset device inode   name": reads up to the name's first character, or the line's end, which is <see cref="FileBytes.Last"/>
    /// then. False if it is no such line.
    /// </summary>
    internal bool TryRead(ref FileBytes file)
    {
        if (!Number(ref file, '-', out Start) || !Number(ref file, ' ', out End))
        {
            return false;
        }

        CanRead = file.Next() == 'r';
        CanWrite = file.Next() == 'w';
        CanExecute = file.Next() == 'x';
        IsShared = file.Next() == 's';
        if (file.Next() != ' ' || !Number(ref file, ' ', out Offset) || !Number(ref file, ':', out Major) || !Number(ref file, ' ', out Minor)
            || !Number(ref file, ' ', out Inode)) // decimal, but no letter hurts
        {
            return false;
        }

        while (file.Last == ' ')
        {
            file.Next();
        }

        return true;
    }

    private static bool Number(ref FileBytes file, int behind, out ulong number) => file.Hexadecimal(out number) > 0 && file.Last == behind;
}

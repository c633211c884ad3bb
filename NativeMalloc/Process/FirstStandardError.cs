namespace NativeMalloc;

/// <summary>
/// Standard error as it was when the process began, for what is written when it ends. Programs close it before, to see whether all could be written
/// (the coreutils do); others close all descriptors that they do not know, and may have either number for a file of their own then.
/// </summary>
internal static unsafe class FirstStandardError
{
    private const int None = -1;

    private static int s_kept;
    private static Identity s_identity;

    /// <summary>At the process's start, for who asks later.</summary>
    internal static void Keep()
    {
        s_kept = Os.DuplicateAside(Output.StandardError);
        s_identity = IdentityOf(s_kept);
    }

    /// <summary>A descriptor of it; of nothing, where none is left.</summary>
    internal static int File => IsIt(s_kept) ? s_kept : IsIt(Output.StandardError) ? Output.StandardError : None;

    /// <summary>Standard error as it is now, wherever the program has it lead; that of the start, if it is closed.</summary>
    internal static int OrLater => IdentityOf(Output.StandardError).Inode != 0 ? Output.StandardError : File;

    private static bool IsIt(int file)
    {
        Identity now = IdentityOf(file);
        return now.Device == s_identity.Device && now.Inode == s_identity.Inode;
    }

    private static Identity IdentityOf(int file)
    {
        ulong* numbers = stackalloc ulong[2];
        Os.IdentityOf(file, numbers);
        return new Identity { Device = numbers[0], Inode = numbers[1] };
    }

    private struct Identity
    {
        internal ulong Device;
        internal ulong Inode;
    }
}

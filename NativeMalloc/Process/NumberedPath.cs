namespace NativeMalloc;

/// <summary>Paths of files that processes write, in which "%p" stands for the process's number.</summary>
internal static unsafe class NumberedPath
{
    /// <summary>Bytes of a path with the zero at its end: the kernel takes no longer one (PATH_MAX).</summary>
    internal const int MaxBytes = 4096;

    /// <summary>Bytes that an expanded path may have: more than the kernel takes, which so refuses a path that had to be cut off.</summary>
    internal const int MaxExpanded = MaxBytes + MaxDigits + 1;

    private const int MaxDigits = 10;

    /// <summary>
    /// Puts a part of a path, up to the end that is given or to its zero, behind so many bytes of the expanded path, with a zero at the end;
    /// returns the new length. "numbered" becomes true if the part holds the process's number.
    /// </summary>
    internal static int Append(byte* path, byte* end, int processId, byte* expanded, int length, ref bool numbered)
    {
        while (path != end && *path != 0 && length < MaxBytes)
        {
            if (path[0] != '%' || path[1] != 'p')
            {
                expanded[length++] = *path++;
                continue;
            }

            int divisor = 1;
            while (processId / divisor >= 10)
            {
                divisor *= 10;
            }

            for (; divisor > 0; divisor /= 10)
            {
                expanded[length++] = (byte)('0' + processId / divisor % 10);
            }

            numbered = true;
            path += 2;
        }

        expanded[length] = 0;
        return length;
    }
}

using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Where the statistics go. The path is copied from the environment, since programs write over that to change what ps shows. Neither it nor
/// what becomes of it lies on the stack, of which threads that end a process may have little.
/// </summary>
internal static unsafe class StatisticsPath
{
    /// <summary>Bytes of a path with the zero at its end: the kernel takes no longer one (PATH_MAX).</summary>
    internal const int MaxBytes = 4096;

    private const int MaxDigits = 10;

    private static Texts s_texts;

    private struct Texts
    {
        internal fixed byte Given[MaxBytes];

        // More than the kernel takes, which so refuses a path that had to be cut off.
        internal fixed byte Expanded[MaxBytes + MaxDigits];
    }

    /// <summary>The path; "%p" in it stands for the process's number.</summary>
    internal static byte* Given => TextsPointer->Given;

    /// <summary>The path with the number that <see cref="Expand"/> was given.</summary>
    internal static byte* Expanded => TextsPointer->Expanded;

    private static Texts* TextsPointer => (Texts*)Unsafe.AsPointer(ref s_texts);

    /// <summary>Copies it; false if it is too long.</summary>
    internal static bool Set(byte* path)
    {
        for (int i = 0; i < MaxBytes; i++)
        {
            Given[i] = path[i];
            if (path[i] == 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Makes the path of one process; true if it holds the process's number.</summary>
    internal static bool Expand(int processId)
    {
        byte* path = Given;
        bool numbered = false;
        int length = 0;
        while (*path != 0 && length < MaxBytes)
        {
            if (path[0] != '%' || path[1] != 'p')
            {
                Expanded[length++] = *path++;
                continue;
            }

            int divisor = 1;
            while (processId / divisor >= 10)
            {
                divisor *= 10;
            }

            for (; divisor > 0; divisor /= 10)
            {
                Expanded[length++] = (byte)('0' + processId / divisor % 10);
            }

            numbered = true;
            path += 2;
        }

        Expanded[length] = 0;
        return numbered;
    }
}

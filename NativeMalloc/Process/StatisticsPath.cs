using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Where the statistics go. The path is copied from the environment, since programs write over that to change what ps shows. Neither it nor
/// what becomes of it lies on the stack, of which threads that end a process may have little.
/// </summary>
internal static unsafe class StatisticsPath
{
    private static Texts s_texts;

    private struct Texts
    {
        internal fixed byte Given[NumberedPath.MaxBytes];
        internal fixed byte Expanded[NumberedPath.MaxExpanded];
    }

    /// <summary>The path; "%p" in it stands for the process's number.</summary>
    internal static byte* Given => TextsPointer->Given;

    /// <summary>The path with the number that <see cref="Expand"/> was given.</summary>
    internal static byte* Expanded => TextsPointer->Expanded;

    private static Texts* TextsPointer => (Texts*)Unsafe.AsPointer(ref s_texts);

    /// <summary>Copies it; false if it is too long.</summary>
    internal static bool Set(byte* path)
    {
        for (int i = 0; i < NumberedPath.MaxBytes; i++)
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
        bool numbered = false;
        NumberedPath.Append(Given, null, processId, Expanded, 0, ref numbered);
        return numbered;
    }
}

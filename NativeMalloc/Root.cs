using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Where the library's structures are found from outside the process: a note in the library's file, or the program's (Shim/root.S), says where
/// this lies. Zeros until somebody asks for what a pointer leads to.
/// </summary>
internal unsafe struct Roots
{
    /// <summary>Not 0: the options have been read, and what is asked for from outside stays so.</summary>
    internal int IsStarted;
}

/// <summary>The one place of <see cref="Roots"/>: a class with no other static, since the note leads to the class's statics.</summary>
internal static unsafe class Root
{
    private static Roots s_roots;

    internal static Roots* Structures => (Roots*)Unsafe.AsPointer(ref s_roots);
}

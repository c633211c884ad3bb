using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Where the library's structures are found from outside the process: a note in the library's file, or the program's (Shim/root.S), says where
/// this lies. Zeros until the library has started.
/// </summary>
internal unsafe struct Roots
{
    /// <summary>May be written to from outside, once it is here: the options have been read.</summary>
    internal SamplerControl* SamplerControl;
    internal SamplerState* Sampler;
    internal PageMap.Root* PageMap;
}

/// <summary>The one place of <see cref="Roots"/>: a class with no other static, since the note leads to the class's statics.</summary>
internal static unsafe class Root
{
    private static Roots s_roots;

    internal static Roots* Structures => (Roots*)Unsafe.AsPointer(ref s_roots);
}

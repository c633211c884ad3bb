#pragma warning disable CS0649 // the linker fills the table

namespace NativeMalloc;

/// <summary>The operators that the process uses, ours or not (nm_operators in the shim).</summary>
internal unsafe struct Operators
{
    internal void* New;
    internal void* NewArray;
    internal void* NewAligned;
    internal void* NewArrayAligned;
    internal void* Delete;
    internal void* DeleteArray;
    internal void* DeleteAligned;
    internal void* DeleteArrayAligned;
}

/// <summary>Those that return null where others throw.</summary>
internal unsafe struct NoThrowOperators
{
    internal void* New;
    internal void* NewArray;
    internal void* NewAligned;
    internal void* NewArrayAligned;
}

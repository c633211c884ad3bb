using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>Text literals ("..."u8) for those who want a pointer: they lie in the library's image, and the compiler puts a zero behind each.</summary>
internal static unsafe class Literal
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static byte* Pointer(System.ReadOnlySpan<byte> text) => (byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in text[0]));
}

namespace NativeMalloc;

/// <summary>The same of the shim.</summary>
internal static unsafe class Shim
{
    internal static void Move(void* to, void* from, nuint bytes) => Buffer.MemoryCopy(from, to, bytes, bytes);

    internal static int StreamWrite(void* stream, byte* text, nuint length) => throw new NotSupportedException();
}

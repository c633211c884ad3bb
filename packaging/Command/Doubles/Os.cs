namespace NativeMalloc;

/// <summary>What the library's sources that are compiled here call of the kernel, where it is called at all: nobody takes locks or writes files.</summary>
internal static unsafe class Os
{
    internal static void FutexWait(int* word, int value) => throw new NotSupportedException();

    internal static void FutexWake(int* word, int count) => throw new NotSupportedException();

    internal static int Write(int file, byte* text, nuint length) => throw new NotSupportedException();
}

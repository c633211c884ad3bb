namespace NativeMalloc;

/// <summary>What the library's locks call, which nobody takes here.</summary>
internal static unsafe class Os
{
    internal static void FutexWait(int* word, int value) => throw new NotSupportedException();

    internal static void FutexWake(int* word, int count) => throw new NotSupportedException();
}

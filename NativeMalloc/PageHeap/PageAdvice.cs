namespace NativeMalloc;

/// <summary>What the kernel was advised last of a huge page.</summary>
internal enum PageAdvice : byte
{
    None,
    Small,
    Huge,
}

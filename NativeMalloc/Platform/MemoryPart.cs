namespace NativeMalloc;

/// <summary>A piece of memory: struct iovec.</summary>
internal struct MemoryPart
{
    internal nuint Start;
    internal nuint Bytes;
}

namespace NativeMalloc;

/// <summary>__sized_ptr_t: a block, and how many bytes of it may be used. It returns in two registers.</summary>
internal unsafe struct SizedPointer
{
    internal void* Pointer;
    internal nuint Size;
}

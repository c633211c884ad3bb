namespace NativeMalloc;

/// <summary>
/// Memory for a search, apart from the heap: a mapping that is touched as it is used, and cut from its start. The search must not look
/// into it, since it holds the addresses of blocks.
/// </summary>
internal unsafe struct SearchMemory
{
    private const nuint Alignment = 64;

    private byte* _next;

    internal nuint Start { get; private set; }

    internal nuint End { get; private set; }

    /// <summary>False when the kernel has none to give.</summary>
    internal bool Map(nuint bytes)
    {
        bytes = (bytes + KernelPage.Size - 1) & ~(KernelPage.Size - 1);
        _next = Os.Map(bytes);
        Start = (nuint)_next;
        End = _next != null ? Start + bytes : 0;
        return _next != null;
    }

    internal readonly void Unmap()
    {
        if (Start != 0)
        {
            Os.Unmap((byte*)Start, End - Start);
        }
    }

    /// <summary>Bytes that <see cref="Take"/> will need.</summary>
    internal static nuint Rounded(nuint bytes) => (bytes + Alignment - 1) & ~(Alignment - 1);

    /// <summary>Zeroed; there must be room.</summary>
    internal void* Take(nuint bytes)
    {
        byte* result = _next;
        _next += Rounded(bytes);
        return result;
    }
}

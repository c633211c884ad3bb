namespace NativeMalloc;

/// <summary>
/// Reads memory that may not be there: each page is tried before it is read (<see cref="Os.IsReadable"/>), once in a walk. What a walk reads is
/// under the frames of a thread that waits for it, so that it stays there meanwhile; what is tried is whether it has gone astray.
/// </summary>
internal unsafe struct ReadablePages
{
    /// <summary>A walk reads a few of the stack, and three or four of each object's tables.</summary>
    private const int Count = 32;

    // By number: each has one place. Zero is never readable.
    private fixed ulong _pages[Count];

    internal void Forget()
    {
        for (int i = 0; i < Count; i++)
        {
            _pages[i] = 0;
        }
    }

    /// <summary>The page that the address is in is known to be there.</summary>
    internal void Know(nuint address) => _pages[address / KernelPage.Size % Count] = address / KernelPage.Size;

    internal bool CanRead(nuint address)
    {
        ulong page = address / KernelPage.Size;
        return (_pages[page % Count] == page && page != 0) || Try(page);
    }

    internal bool CanRead(nuint address, nuint bytes)
    {
        nuint last = address + bytes - 1;
        if (last < address)
        {
            return false;
        }

        for (nuint at = address; at / KernelPage.Size < last / KernelPage.Size; at += KernelPage.Size)
        {
            if (!CanRead(at))
            {
                return false;
            }
        }

        return CanRead(last);
    }

    internal bool TryRead(nuint address, out ulong word)
    {
        ulong page = address / KernelPage.Size;
        bool known = _pages[page % Count] == page && page != 0 && address % KernelPage.Size <= KernelPage.Size - sizeof(ulong);
        if (!known && !CanRead(address, sizeof(ulong)))
        {
            word = 0;
            return false;
        }

        word = *(ulong*)address;
        return true;
    }

    private bool Try(ulong page)
    {
        if (page == 0 || !Os.IsReadable((nuint)page * KernelPage.Size))
        {
            return false;
        }

        Know((nuint)page * KernelPage.Size);
        return true;
    }
}

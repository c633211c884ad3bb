using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Reads memory that may not be there: each page is tried before it is read (<see cref="Os.IsReadable"/>), once in a walk. What a walk reads is
/// under the frames of a thread that waits for it, so that it stays there meanwhile; what is tried is whether it has gone astray.
/// </summary>
internal unsafe struct ReadablePages
{
    /// <summary>A walk reads a few of the stack, and three or four of each object's tables.</summary>
    private const int Count = 32;

    /// <summary>Above them is no page of a program's: the number of the walk stands there that has tried one.</summary>
    private const int PageBits = 47 - KernelPage.Shift;

    // By number: each has one place. Zero is never readable.
    private fixed ulong _pages[Count];
    private ulong _walk;

    // The part of the stack that is known to be there: where it begins, and its bytes.
    private nuint _stack;
    private nuint _stackBytes;

    /// <summary>Another walk begins, for which nothing is known.</summary>
    internal void Forget()
    {
        _stackBytes = 0;
        _walk += 1UL << PageBits;
        for (int i = 0; _walk == 0 && i < Count; i++)
        {
            _pages[i] = 0; // they are counted anew
        }
    }

    /// <summary>The page that the address is in is known to be there, and the walk goes up from it.</summary>
    internal void BeginStack(nuint address)
    {
        _stack = address & ~(KernelPage.Size - 1);
        _stackBytes = KernelPage.Size;
    }

    /// <summary>All from one address of the walk's stack up to another is there, as far as that is known or the next page tells.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool HasStack(nuint from, nuint to)
    {
        nuint start = from - _stack;
        return start < _stackBytes && to >= from && (to - _stack <= _stackBytes || GrowStack(to));
    }

    /// <summary>The page that the address is in is known to be there.</summary>
    internal void Know(nuint address) => _pages[address / KernelPage.Size % Count] = address / KernelPage.Size ^ _walk;

    internal bool CanRead(nuint address)
    {
        ulong page = address / KernelPage.Size;
        return page - 1 < (1UL << PageBits) - 1 && (_pages[page % Count] == (page ^ _walk) || Try(page));
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
        nuint at = address - _stack;
        if (!(at < _stackBytes && at + sizeof(ulong) <= _stackBytes) && !CanRead(address, sizeof(ulong)))
        {
            word = 0;
            return false;
        }

        word = *(ulong*)address;
        return true;
    }

    // By the next page.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool GrowStack(nuint to)
    {
        if (to - _stack > _stackBytes + KernelPage.Size || !CanRead(_stack + _stackBytes))
        {
            return false;
        }

        _stackBytes += KernelPage.Size;
        return true;
    }

    private bool Try(ulong page)
    {
        if (!Os.IsReadable((nuint)page * KernelPage.Size))
        {
            return false;
        }

        Know((nuint)page * KernelPage.Size);
        return true;
    }
}

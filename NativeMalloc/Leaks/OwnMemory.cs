namespace NativeMalloc;

/// <summary>
/// Reads the process's own memory as the kernel reads another's (process_vm_readv): what is not mapped, cannot be touched, or belongs to a device
/// reads zero here, where a load would fault. In one system call for up to 64 parts.
/// </summary>
internal unsafe struct OwnMemory
{
    /// <summary>Bytes that are read at once: as many of the kernel's pages as a word has bits.</summary>
    internal const nuint BufferBytes = 64 * KernelPage.Size;

    internal const int MostParts = 64;

    private int _thread;
    private int _error;
    private byte* _buffer;
    private MemoryPart* _parts;
    private MemoryPart* _left;
    private int _count;
    private nuint _bytes;

    internal static nuint BytesNeeded() => SearchMemory.Rounded(BufferBytes) + 2 * SearchMemory.Rounded((nuint)(MostParts * sizeof(MemoryPart)));

    /// <summary>Why the kernel does not let the process read its own memory: an errno; 0 where it does.</summary>
    internal readonly int Error => _error;

    internal void Prepare(ref SearchMemory memory)
    {
        _thread = Os.ThreadId();
        _buffer = (byte*)memory.Take(BufferBytes);
        _parts = (MemoryPart*)memory.Take((nuint)(MostParts * sizeof(MemoryPart)));
        _left = (MemoryPart*)memory.Take((nuint)(MostParts * sizeof(MemoryPart)));
    }

    /// <summary>One more part of what <see cref="Read"/> is to read; false if it has no room. It begins at a word, and has whole ones.</summary>
    internal bool TryAdd(nuint start, nuint bytes)
    {
        if (_count == MostParts || bytes > BufferBytes - _bytes)
        {
            return false;
        }

        _parts[_count++] = new MemoryPart { Start = start, Bytes = bytes };
        _bytes += bytes;
        return true;
    }

    /// <summary>No part has been added since the last <see cref="Read"/>.</summary>
    internal readonly bool IsEmpty => _count == 0;

    /// <summary>
    /// Reads the parts, one behind the other. Returns the words, which stay until the next call. "unreadable": pages that could not be read, a bit
    /// each by their numbers in the address space modulo 64.
    /// </summary>
    internal ulong* Read(out nuint words, out ulong unreadable)
    {
        unreadable = 0;
        nuint done = 0;
        int part = 0;
        nuint inPart = 0;
        while (part < _count)
        {
            int count = 0;
            for (int i = part; i < _count; i++)
            {
                _left[count++] = _parts[i];
            }

            _left->Start += inPart;
            _left->Bytes -= inPart;
            nint read = Os.ReadOwn(_thread, _buffer + done, _bytes - done, _left, count);
            if (read < 0 && read != -Errno.BadAddress)
            {
                _error = (int)-read;
            }

            nuint step = read > 0 ? (nuint)read : 0;
            Skip(ref part, ref inPart, step);
            done += step;
            if (part < _count)
            {
                nuint address = _parts[part].Start + inPart;
                nuint rest = _parts[part].Bytes - inPart;
                nuint page = KernelPage.Size - address % KernelPage.Size;
                page = page < rest ? page : rest;
                Shim.Fill(_buffer + done, 0, page);
                unreadable |= 1UL << (int)(address / KernelPage.Size % 64);
                Skip(ref part, ref inPart, page);
                done += page;
            }
        }

        words = _bytes / sizeof(ulong);
        _count = 0;
        _bytes = 0;
        return (ulong*)_buffer;
    }

    // So many bytes further, over the ends of parts.
    private readonly void Skip(ref int part, ref nuint inPart, nuint bytes)
    {
        inPart += bytes;
        while (part < _count && inPart >= _parts[part].Bytes)
        {
            inPart -= _parts[part++].Bytes;
        }
    }
}

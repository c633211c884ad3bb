namespace NativeMalloc;

/// <summary>A file of the kernel's (/proc, /sys), read byte by byte with a small buffer of its own.</summary>
internal unsafe struct FileBytes
{
    /// <summary>What <see cref="Next"/> returns at the end, and where the file cannot be read further.</summary>
    internal const int End = -1;

    private const int BufferBytes = 512;

    private int _file;
    private int _next;
    private int _length;
    private fixed byte _buffer[BufferBytes];

    /// <summary>Why it could not be opened or read, a negative errno; else 0.</summary>
    internal int Error { get; private set; }

    /// <summary>What <see cref="Next"/> returned last.</summary>
    internal int Last { get; private set; }

    /// <summary>Opens it; false if that cannot be done, and then it need not be closed.</summary>
    internal bool Open(byte* path)
    {
        _file = Os.OpenForReading(path);
        Error = _file < 0 ? _file : 0;
        Last = 0;
        _next = 0;
        _length = 0;
        return _file >= 0;
    }

    internal readonly void Close() => Os.Close(_file);

    internal int Next()
    {
        if (_next == _length)
        {
            _next = 0;
            fixed (byte* buffer = _buffer)
            {
                _length = Error == 0 ? Os.Read(_file, buffer, BufferBytes) : 0;
            }

            if (_length <= 0)
            {
                Error = _length < 0 ? _length : Error;
                _length = 0;
                return Last = End;
            }
        }

        return Last = _buffer[_next++];
    }

    /// <summary>Reads a number in base 16, and the character behind it, which is <see cref="Last"/> then; returns how many digits it has.</summary>
    internal int Hexadecimal(out ulong number)
    {
        number = 0;
        int digits = 0;
        for (Next(); Last is (>= '0' and <= '9') or (>= 'a' and <= 'f'); Next(), digits++)
        {
            number = number << 4 | (uint)(Last <= '9' ? Last - '0' : Last - 'a' + 10);
        }

        return digits;
    }

    /// <summary>Goes to the start of the next line, unless the end of this one is what was read last; false if there is none.</summary>
    internal bool EndLine()
    {
        while (Last is not '\n' and not End)
        {
            Next();
        }

        return Last != End;
    }
}

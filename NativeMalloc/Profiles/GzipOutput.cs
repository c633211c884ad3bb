using System;

namespace NativeMalloc;

/// <summary>
/// Bytes for a file descriptor, in gzip's format (RFC 1952). The blocks are stored ones (RFC 1951, 3.2.4): profiles are small, and to compress
/// would take a window of memory.
/// </summary>
internal unsafe struct GzipOutput
{
    private const int FileHeaderBytes = 10;
    private const int BlockHeaderBytes = 5;
    private const int TrailerBytes = 8;

    private readonly int _file;
    private readonly byte* _buffer;
    private readonly int _end;
    private int _block;
    private int _length;
    private uint _crc;
    private uint _bytes;

    /// <summary>Through a buffer of so many bytes, between 64 and 65,000.</summary>
    internal GzipOutput(int file, byte* buffer, int bytes)
    {
        this = default;
        _file = file;
        _buffer = buffer;
        _end = bytes - TrailerBytes;
        ReadOnlySpan<byte> header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]; // deflate; no flags, no time; of no particular system
        for (int i = 0; i < FileHeaderBytes; i++)
        {
            buffer[i] = header[i];
        }

        Begin(FileHeaderBytes);
    }

    /// <summary>Why the first bytes that could not be written were not: an errno; else 0.</summary>
    internal int Error { get; private set; }

    internal void Byte(byte value)
    {
        if (_length == _end)
        {
            End(last: false);
            Write();
            Begin(0);
        }

        _buffer[_length++] = value;
    }

    internal void Finish()
    {
        End(last: true);
        *(uint*)(_buffer + _length) = _crc;
        *(uint*)(_buffer + _length + 4) = _bytes;
        _length += TrailerBytes;
        Write();
    }

    private void Begin(int offset)
    {
        _block = offset;
        _length = offset + BlockHeaderBytes;
    }

    private void End(bool last)
    {
        byte* bytes = _buffer + _block + BlockHeaderBytes;
        int length = _length - _block - BlockHeaderBytes;
        bytes[-5] = (byte)(last ? 1 : 0);
        *(ushort*)(bytes - 4) = (ushort)length;
        *(ushort*)(bytes - 2) = (ushort)~length;
        _crc = Crc32.Add(_crc, bytes, length);
        _bytes += (uint)length;
    }

    private void Write()
    {
        int result = Error == 0 ? Os.Write(_file, _buffer, (nuint)_length) : 0;
        Error = result != 0 ? -result : Error;
    }
}

using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Text for a file descriptor, a stdio stream or a place in memory, gathered in a small buffer of its own: reports are written
/// where nothing may be allocated.
/// </summary>
/// <remarks>Reports call it hundreds of times: what each call would need inline would make a tenth of the library's code.</remarks>
internal unsafe struct Output
{
    internal const int StandardError = 2;

    private const int BufferBytes = 512;
    private const int MaxDigits = 20;

    private int _file;
    private void* _stream;
    private bool _toMemory;
    private byte* _memory;
    private nuint _room;
    private nuint _written;
    private int _length;
    private bool _failed;
    private int _error;
    private fixed byte _buffer[BufferBytes];

    internal static Output ToFile(int file) => new Output { _file = file };

    /// <summary>To a FILE of libc's.</summary>
    internal static Output ToStream(void* stream) => new Output { _stream = stream };

    /// <summary>To memory, as far as there is room; <see cref="Finish"/> ends it.</summary>
    internal static Output ToMemory(byte* memory, nuint room) => new Output { _toMemory = true, _memory = memory, _room = room };

    /// <summary>Some text could not be written.</summary>
    internal readonly bool Failed => _failed;

    /// <summary>Why the first text that could not be written to a file was not: an errno.</summary>
    internal readonly int Error => _error;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Text(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            Byte(text[i]);
        }
    }

    /// <summary>Text that ends with a zero byte.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Text(byte* text)
    {
        while (*text != 0)
        {
            Byte(*text++);
        }
    }

    /// <summary>Somebody else's text, that ends with a zero byte, on one line: control characters become question marks.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Quoted(byte* text)
    {
        for (; *text != 0; text++)
        {
            Byte(*text is < (byte)' ' or 0x7f ? (byte)'?' : *text);
        }
    }

    /// <summary>The same within a string of JSON.</summary>
    internal void QuotedInJson(byte* text)
    {
        while (*text != 0)
        {
            if (*text is (byte)'"' or (byte)'\\')
            {
                Byte((byte)'\\');
            }

            int bytes = CharacterBytes(text);
            Byte(bytes == 0 || *text is < (byte)' ' or 0x7f ? (byte)'?' : *text);
            text++;
            for (int i = 1; i < bytes; i++)
            {
                Byte(*text++);
            }
        }
    }

    // Of the character that begins there in UTF-8; 0 if none does (Unicode 3.9, table 3-7).
    private static int CharacterBytes(byte* text)
    {
        int first = *text;
        int bytes = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
        int least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        int most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        for (int i = 1; i < bytes; i++)
        {
            if (text[i] < least || text[i] > most)
            {
                return 0;
            }

            least = 0x80;
            most = 0xbf;
        }

        return bytes;
    }

    internal void Decimal(nuint value) => Decimal(value, 0);

    /// <summary>A number, with spaces before it up to <paramref name="width"/> characters.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Decimal(nuint value, int width)
    {
        byte* digits = stackalloc byte[MaxDigits];
        int count = 0;
        do
        {
            digits[count++] = (byte)('0' + (int)(value % 10));
            value /= 10;
        }
        while (value != 0);

        for (int i = count; i < width; i++)
        {
            Byte((byte)' ');
        }

        while (count > 0)
        {
            Byte(digits[--count]);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Hexadecimal(nuint value)
    {
        Text("0x"u8);
        int shift = 60;
        while (shift > 0 && (value >> shift) == 0)
        {
            shift -= 4;
        }

        for (; shift >= 0; shift -= 4)
        {
            int digit = (int)(value >> shift) & 15;
            Byte((byte)(digit < 10 ? '0' + digit : 'a' + digit - 10));
        }
    }

    /// <summary>A number of bytes in KiB or MiB, to one decimal, as a right-aligned column.</summary>
    internal void Size(nuint bytes)
    {
        bool mebibytes = bytes >= 10 << 20;
        int shift = mebibytes ? 20 : 10;
        nuint rest = bytes & (((nuint)1 << shift) - 1);
        nuint tenths = (bytes >> shift) * 10 + (rest * 10 >> shift);
        Decimal(tenths / 10, 10);
        Byte((byte)'.');
        Byte((byte)('0' + (int)(tenths % 10)));
        Text(mebibytes ? " MiB"u8 : " KiB"u8);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Flush()
    {
        fixed (byte* buffer = _buffer)
        {
            int result = 0;
            if (_toMemory)
            {
                Copy(buffer);
            }
            else if (!_failed) // else each piece would wait for somebody who does not read
            {
                result = _stream != null
                    ? Shim.StreamWrite(_stream, buffer, (nuint)_length)
                    : Os.Write(_file, buffer, (nuint)_length);
            }

            if (result != 0 && !_failed)
            {
                _failed = true;
                _error = -result;
            }
        }

        _length = 0;
    }

    /// <summary>Ends text in memory with a zero byte; returns the length that it would have had with room for all of it.</summary>
    internal int Finish()
    {
        Flush();
        if (_room > 0)
        {
            _memory[_written < _room ? _written : _room - 1] = 0;
        }

        return (int)_written;
    }

    private void Copy(byte* text)
    {
        nuint room = _written < _room ? _room - _written : 0;
        nuint length = (nuint)_length;
        Shim.Move(_memory + _written, text, length < room ? length : room);
        _written += length;
    }

    internal void Byte(byte value)
    {
        _buffer[_length++] = value;
        if (_length == BufferBytes)
        {
            Flush();
        }
    }
}

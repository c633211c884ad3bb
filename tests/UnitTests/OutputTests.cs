using System.Globalization;
using System.Linq;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class OutputTests : AllocatorTest
{
    private Output _output = Output.ToFile(7);

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(1234567890)]
    [InlineData(ulong.MaxValue)]
    public void NumbersAreDecimal(ulong value)
    {
        _output.Decimal((nuint)value);
        Assert.Equal(value.ToString(CultureInfo.InvariantCulture), Flushed());
    }

    // What is no character in UTF-8 (Unicode 3.9, table 3-7): a byte alone, one too few, one that might be shorter, a surrogate, above the last.
    [Theory]
    [InlineData("a\"b\\c\n\u007f", "a\\\"b\\\\c??")]
    [InlineData("\u00fc\u20ac\U0001f600\U0010ffff\ud7ff", "\u00fc\u20ac\U0001f600\U0010ffff\ud7ff")]
    [InlineData("*ff", "?")]
    [InlineData("*80x", "?x")]
    [InlineData("*e282", "??")]
    [InlineData("*e282x", "??x")]
    [InlineData("*c0af", "??")]
    [InlineData("*e08080", "???")]
    [InlineData("*eda080", "???")]
    [InlineData("*f4908080", "????")]
    public void TextInJsonIsText(string text, string expected)
    {
        byte[] bytes = text[0] == '*'
            ? [.. System.Convert.FromHexString(text[1..].TrimEnd('x')), .. Encoding.UTF8.GetBytes(text.EndsWith('x') ? "x" : ""), 0]
            : [.. Encoding.UTF8.GetBytes(text), 0];
        fixed (byte* start = bytes)
        {
            _output.QuotedInJson(start);
        }

        Assert.Equal(expected, Flushed());
    }

    [Theory]
    [InlineData(0, 3, "  0")]
    [InlineData(123, 3, "123")]
    [InlineData(1234, 3, "1234")]
    [InlineData(1234, 11, "       1234")]
    public void NumbersAreRightAligned(ulong value, int width, string expected)
    {
        _output.Decimal((nuint)value, width);
        Assert.Equal(expected, Flushed());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(0x7fff_1234_abcd)]
    [InlineData(0x8000_0000_0000_0000)]
    [InlineData(ulong.MaxValue)]
    public void AddressesAreHexadecimal(ulong value)
    {
        _output.Hexadecimal((nuint)value);
        Assert.Equal($"0x{value:x}", Flushed());
    }

    [Theory]
    [InlineData(0, "0.0 KiB")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1023, "0.9 KiB")]
    [InlineData(10 * 1048576 - 1, "10239.9 KiB")]
    [InlineData(10 * 1048576, "10.0 MiB")]
    [InlineData(25 * 1048576 / 2, "12.5 MiB")]
    [InlineData(1UL << 33, "8192.0 MiB")]
    [InlineData(1UL << 37, "131072.0 MiB")]
    [InlineData(1UL << 46, "67108864.0 MiB")]
    public void SizesAreKibibytesOrMebibytesToOneDecimal(ulong bytes, string expected)
    {
        _output.Size((nuint)bytes);
        Assert.Equal(expected, Flushed().TrimStart());
    }

    [Fact]
    public void SizesFormAColumn()
    {
        _output.Size(0);
        _output.Text("|"u8);
        _output.Size(100 << 20);
        string[] columns = Flushed().Split('|');
        Assert.Equal(columns[0].Length, columns[1].Length);
    }

    [Fact]
    public void TextEndsAtItsZeroByte()
    {
        fixed (byte* text = "abc\0def"u8)
        {
            _output.Text(text);
        }

        Assert.Equal("abc", Flushed());
    }

    [Theory]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(5000)]
    public void LongTextGoesOutInPieces(int length)
    {
        string text = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + i % 26)));
        _output.Text(Encoding.ASCII.GetBytes(text));
        Assert.Equal(length / 512, Os.Written.Count);
        Assert.All(Os.Written, piece => Assert.Equal(512, piece.Length));
        Assert.Equal(text, Flushed());
        Assert.False(_output.Failed);
    }

    [Fact]
    public void AFailureIsRememberedPastASuccess()
    {
        Os.WriteResult = -28;
        _output.Text("x"u8);
        Assert.False(_output.Failed);
        _output.Flush();
        Os.WriteResult = 0;
        _output.Text("y"u8);
        _output.Flush();
        Assert.True(_output.Failed);
        Assert.Equal(28, _output.Error);
    }

    [Fact]
    public void StreamsAreWrittenByLibc()
    {
        Output output = Output.ToStream((void*)1);
        output.Text("<malloc>"u8);
        output.Flush();
        Assert.Equal("<malloc>", Encoding.ASCII.GetString(Shim.Streamed.Single()));
        Assert.Empty(Os.Written);
    }

    // As far as there is room, always with a zero byte, and not a byte further.
    [Theory]
    [InlineData(3, 10, "abc\0######")]
    [InlineData(3, 4, "abc\0")]
    [InlineData(3, 3, "ab\0")]
    [InlineData(3, 1, "\0")]
    [InlineData(0, 1, "\0")]
    [InlineData(3, 0, "")]
    public void MemoryIsFilledLikeSnprintfs(int length, int room, string expected)
    {
        byte[] memory = Encoding.ASCII.GetBytes(new string('#', room + 2));
        fixed (byte* start = memory)
        {
            Output output = Output.ToMemory(start, (nuint)room);
            output.Text("abc"u8[..length]);
            Assert.Equal(length, output.Finish());
        }

        Assert.Equal(expected + "##", Encoding.ASCII.GetString(memory));
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(1024)]
    [InlineData(1300)]
    [InlineData(1301)]
    [InlineData(2000)]
    public void LongTextInMemoryIsCutOffAtTheRoom(int room)
    {
        byte[] text = [.. Enumerable.Range(0, 1300).Select(i => (byte)('a' + i % 26))];
        byte[] memory = new byte[room + 1];
        memory[room] = (byte)'#';
        fixed (byte* start = memory)
        {
            Output output = Output.ToMemory(start, (nuint)room);
            output.Text(text);
            Assert.Equal(1300, output.Finish());
        }

        int kept = room == 0 ? 0 : System.Math.Min(room - 1, 1300);
        Assert.Equal(text[..kept], memory[..kept]);
        Assert.Equal((byte)'#', memory[room]);
        Assert.True(room == 0 || memory[kept] == 0);
    }

    private string Flushed()
    {
        _output.Flush();
        return Encoding.UTF8.GetString([.. Os.Written.SelectMany(piece => piece)]);
    }
}

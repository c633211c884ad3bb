using System.IO;
using System.Text;
using Google.Protobuf;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class ProtobufOutputTests : AllocatorTest
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(0x7f)]
    [InlineData(0x80)]
    [InlineData(0x3fff)]
    [InlineData(0x4000)]
    [InlineData(0x7fff_ffff_ffff)]
    [InlineData((1UL << 63) - 1)]
    [InlineData(1UL << 63)]
    [InlineData(ulong.MaxValue)]
    public void NumbersAreWrittenAsTheLibraryWritesThem(ulong value)
    {
        Assert.Equal(CodedOutputStream.ComputeUInt64Size(value), (int)ProtobufOutput.VarintBytes(value));
        Assert.Equal(value == 0 ? 0 : 1 + CodedOutputStream.ComputeUInt64Size(value), (int)ProtobufOutput.NumberBytes(value));

        MemoryStream expected = new();
        CodedOutputStream coded = new(expected);
        coded.WriteUInt64(value);
        if (value != 0)
        {
            coded.WriteTag(15, WireFormat.WireType.Varint);
            coded.WriteUInt64(value);
        }

        coded.WriteTag(14, WireFormat.WireType.LengthDelimited);
        coded.WriteString("text");
        coded.Flush();

        byte[] buffer = new byte[200];
        fixed (byte* start = buffer)
        {
            ProtobufOutput output = new(7, start, buffer.Length);
            output.Varint(value);
            output.Number(15, value);
            output.Text(14, Encoding.ASCII.GetBytes("text"));
            output.Finish();
        }

        Assert.Equal(expected.ToArray(), GzipOutputTests.Unzip());
    }
}

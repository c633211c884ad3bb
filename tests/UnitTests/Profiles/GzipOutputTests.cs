using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class GzipOutputTests : AllocatorTest
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("123456789", 0xcbf43926)] // the check value that every list of such sums has
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414fa339)]
    public void ChecksumsAreTheKnownOnes(string text, uint expected)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text + "-");
        for (int first = 0; first <= text.Length; first++)
        {
            fixed (byte* start = bytes)
            {
                Assert.Equal(expected, Crc32.Add(Crc32.Add(0, start, first), start + first, text.Length - first));
            }
        }
    }

    // Of 100 bytes of a buffer a block has 77 the first time, behind the file's header, and then 87.
    [Theory]
    [InlineData(0, 100)]
    [InlineData(1, 100)]
    [InlineData(76, 100)]
    [InlineData(77, 100)]
    [InlineData(78, 100)]
    [InlineData(77 + 87, 100)]
    [InlineData(77 + 87 + 1, 100)]
    [InlineData(200_000, 65_000)]
    public void WhatGoesInComesOut(int length, int room)
    {
        byte[] bytes = [.. Enumerable.Range(0, length).Select(i => (byte)(i * i >> 3))];
        byte[] buffer = new byte[room + 1];
        buffer[room] = 0x55;
        fixed (byte* start = buffer)
        {
            GzipOutput output = new(7, start, room);
            foreach (byte one in bytes)
            {
                output.Byte(one);
            }

            output.Finish();
            Assert.Equal(0, output.Error);
        }

        Assert.Equal(bytes, Unzip());
        Assert.Equal(0x55, buffer[room]);
    }

    [Fact]
    public void AFailureIsRememberedAndNothingIsWrittenAfterIt()
    {
        byte[] buffer = new byte[100];
        fixed (byte* start = buffer)
        {
            GzipOutput output = new(7, start, buffer.Length);
            Os.WriteResult = -28;
            for (int i = 0; i < 1000; i++)
            {
                output.Byte(1);
            }

            Os.WriteResult = 0;
            output.Finish();
            Assert.Equal(28, output.Error);
            Assert.Single(Os.Written);
        }
    }

    /// <summary>What was written, decompressed.</summary>
    internal static byte[] Unzip()
    {
        using GZipStream stream = new(new MemoryStream([.. Os.Written.SelectMany(piece => piece)]), CompressionMode.Decompress);
        using MemoryStream result = new();
        stream.CopyTo(result);
        return result.ToArray();
    }
}

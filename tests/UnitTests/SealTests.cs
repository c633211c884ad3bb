using System;
using System.Runtime.InteropServices;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What checking mode writes around a block, and what it sees in it.</summary>
public sealed unsafe class SealTests : IDisposable
{
    private const int Bytes = 112;

    private readonly byte* _block = (byte*)NativeMemory.AlignedAlloc(Bytes, 16);

    public void Dispose() => NativeMemory.AlignedFree(_block);

    [Fact]
    public void ASealSaysTheSizeAndTheState()
    {
        for (nuint size = 0; size <= Bytes - Seal.Bytes; size++)
        {
            Seal.Close(_block, Bytes, size);
            Assert.Equal(Seal.State.Live, Seal.Read(_block, Bytes, out nuint read));
            Assert.Equal(size, read);
            Assert.True(Seal.SlackIsWhole(_block, Bytes, size));

            Seal.CloseFreed(_block, Bytes, size);
            Assert.Equal(Seal.State.Freed, Seal.Read(_block, Bytes, out read));
            Assert.Equal(size, read);
            Assert.True(Seal.FreedIsWhole(_block, Bytes));
        }

        Seal.CloseNew(_block, Bytes);
        Assert.Equal(Seal.State.New, Seal.Read(_block, Bytes, out _));
    }

    // Every byte behind the size, changed in any one bit.
    [Fact]
    public void AWritePastTheEndIsSeen()
    {
        const int Size = 90;
        for (int at = Size; at < Bytes; at++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                Seal.Close(_block, Bytes, Size);
                _block[at] ^= (byte)(1 << bit);
                bool whole = Seal.Read(_block, Bytes, out nuint size) == Seal.State.Live
                    && Seal.SlackIsWhole(_block, Bytes, size) && size == Size;
                Assert.False(whole && at < Bytes - 8, $"byte {at}, bit {bit}");
                Assert.False(Seal.Read(_block, Bytes, out size) == Seal.State.Live && Seal.SlackIsWhole(_block, Bytes, size), $"byte {at}, bit {bit}");
            }
        }
    }

    [Fact]
    public void AWriteAfterTheFreeIsSeen()
    {
        for (int at = 0; at < Bytes; at++)
        {
            Seal.CloseFreed(_block, Bytes, 40);
            _block[at] ^= 0x40;
            Assert.False(Seal.Read(_block, Bytes, out _) == Seal.State.Freed && Seal.FreedIsWhole(_block, Bytes), $"byte {at}");
        }
    }

    [Fact]
    public void OrdinaryBytesAreNoSeal()
    {
        Random random = new(3);
        for (int i = 0; i < 100_000; i++)
        {
            random.NextBytes(new Span<byte>(_block, Bytes));
            Assert.Equal(Seal.State.Overwritten, Seal.Read(_block, Bytes, out _));
        }

        foreach (byte value in (byte[])[0, 0xff, 0xc5, 0xdf])
        {
            new Span<byte>(_block, Bytes).Fill(value);
            Assert.Equal(Seal.State.Overwritten, Seal.Read(_block, Bytes, out _));
        }
    }

    // A seal is good for its own block alone: copied to another, it is not one.
    [Fact]
    public void ASealDoesNotMoveWithTheBytes()
    {
        byte* other = (byte*)NativeMemory.AlignedAlloc(Bytes, 16);
        Seal.Close(_block, Bytes, 50);
        Buffer.MemoryCopy(_block, other, Bytes, Bytes);
        Assert.Equal(Seal.State.Overwritten, Seal.Read(other, Bytes, out _));
        NativeMemory.AlignedFree(other);
    }
}

using System;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class TableReaderTests : UnwindingTest
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(624485)]
    [InlineData(ulong.MaxValue)]
    public void NumbersAreInTheBase128(ulong value)
    {
        Memory.Put(TableMemory.Unsigned(value));
        Assert.Equal(value, new TableReader(Pages, Memory.Start).Unsigned());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(-2)]
    [InlineData(63)]
    [InlineData(-64)]
    [InlineData(64)]
    [InlineData(-65)]
    [InlineData(-123456)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void TheirLastDigitHasTheSign(long value)
    {
        Memory.Put(TableMemory.Signed(value));
        Assert.Equal(value, new TableReader(Pages, Memory.Start).Signed());
    }

    [Fact]
    public void AddressesAreEncodedInEachForm()
    {
        byte[] bytes = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        (int Encoding, ulong Value, int Bytes)[] forms =
        [
            (0x00, unchecked((ulong)-2), 8), (0x02, 0xfffe, 2), (0x03, 0xfffffffe, 4), (0x04, unchecked((ulong)-2), 8),
            (0x0a, unchecked((ulong)-2), 2), (0x0b, unchecked((ulong)-2), 4), (0x0c, unchecked((ulong)-2), 8),
        ];
        Memory.Put(bytes);
        foreach ((int encoding, ulong value, int length) in forms)
        {
            TableReader reader = new(Pages, Memory.Start);
            Assert.Equal(value, reader.Address(encoding, 0));
            Assert.Equal(length, reader.At - Memory.Start);
            reader = new TableReader(Pages, Memory.Start);
            Assert.Equal(value + (ulong)Memory.Start, reader.Address(encoding | 0x10, 0));
            reader = new TableReader(Pages, Memory.Start);
            Assert.Equal(value + 1000, reader.Address(encoding | 0x30, 1000));
            Assert.False(reader.Failed);
        }
    }

    [Fact]
    public void AnAddressMayLieElsewhere()
    {
        byte* place = Memory.Put(0x1234567890UL);
        byte* at = Memory.Put((ulong)place);
        TableReader reader = new(Pages, at);
        Assert.Equal(0x1234567890UL, reader.Address(0x80, 0));
        reader = new TableReader(Pages, Memory.Put(0x10UL));
        reader.Address(0x80, 0);
        Assert.True(reader.Failed);
    }

    // Relative to the code, or to the data: not on this machine.
    [Theory]
    [InlineData(0x05)]
    [InlineData(0x0f)]
    [InlineData(0x20)]
    [InlineData(0x40)]
    [InlineData(0x50)]
    public void OthersFail(int encoding)
    {
        Memory.Put(1UL);
        TableReader reader = new(Pages, Memory.Start);
        reader.Address(encoding, 0);
        Assert.True(reader.Failed);
    }

    [Fact]
    public void BehindTheEndIsNothing()
    {
        Memory.Put(1, 2, 3, 4, 5, 6, 7, 8);
        TableReader reader = new(Pages, Memory.Start, Memory.Start + 6);
        Assert.Equal(0x04030201u, reader.FourBytes());
        Assert.Equal(0u, reader.FourBytes());
        Assert.True(reader.Failed && reader.IsAtEnd);
        Assert.Equal(0, reader.Byte());
        reader = new TableReader(Pages, Memory.Start, Memory.Start + 6);
        reader.Skip(6);
        Assert.True(reader.IsAtEnd && !reader.Failed);
        reader.Skip(0);
        Assert.False(reader.Failed);
        reader.Skip(1);
        Assert.True(reader.Failed);
        reader = new TableReader(Pages, Memory.Start, Memory.Start + 6);
        reader.Skip(ulong.MaxValue);
        Assert.True(reader.Failed);
    }

    [Fact]
    public void WhatIsNotThereIsNotRead()
    {
        TableReader reader = new(Pages, Memory.End - 4);
        Assert.Equal(0u, reader.FourBytes());
        Assert.False(reader.Failed);
        Assert.Equal(0, reader.Byte());
        Assert.True(reader.Failed);
        reader = new TableReader(Pages, Memory.End - 4);
        reader.EightBytes();
        Assert.True(reader.Failed);
        reader = new TableReader(Pages, Memory.End - 1);
        *(Memory.End - 1) = 0x80; // goes on
        reader.Unsigned();
        Assert.True(reader.Failed);
    }

    [Fact]
    public void APageIsTriedOnce()
    {
        Os.ReadableCalls = 0;
        TableReader reader = new(Pages, Memory.Start);
        for (int i = 0; i < 1000; i++)
        {
            reader.EightBytes();
        }

        Assert.Equal(2, Os.ReadableCalls);
        Assert.True(Pages->TryRead((nuint)Memory.Start + 4092, out _));
        Assert.Equal(2, Os.ReadableCalls);
        Pages->Forget();
        Assert.True(Pages->CanRead((nuint)Memory.Start));
        Assert.Equal(3, Os.ReadableCalls);
    }

    [Fact]
    public void AddressesThatCannotBeAreNotReadable()
    {
        foreach (ulong address in new ulong[] { 0, 8, 4095, 1UL << 47, 1UL << 63, ulong.MaxValue, ulong.MaxValue - 7, (ulong)Memory.End, (ulong)Memory.End - 4 })
        {
            Assert.False(Pages->TryRead((nuint)address, out ulong word));
            Assert.Equal(0UL, word);
        }

        Assert.True(Pages->TryRead((nuint)Memory.End - 8, out _));
        Assert.False(Pages->CanRead((nuint)Memory.Start, TableMemory.Bytes + 1));
        Assert.True(Pages->CanRead((nuint)Memory.Start, TableMemory.Bytes));
        Assert.False(Pages->CanRead(nuint.MaxValue - 10, 100));
    }
}

using System;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class FrameExpressionTests : UnwindingTest
{
    private const ulong First = 1000;

    // What lies at the bottom is First; rsp is 0x7000, rip 0x5009.
    public static TheoryData<byte[], ulong> Expressions => new()
    {
        { [], First },
        { [0x31], 1 }, // lit1
        { [0x08, 0xff], 255 }, // const1u
        { [0x09, 0xff], ulong.MaxValue }, // const1s
        { [0x0a, 0xfe, 0xff], 0xfffe }, // const2u
        { [0x0b, 0xfe, 0xff], unchecked((ulong)-2) }, // const2s
        { [0x0c, 0xfe, 0xff, 0xff, 0xff], 0xfffffffe }, // const4u
        { [0x0d, 0xfe, 0xff, 0xff, 0xff], unchecked((ulong)-2) }, // const4s
        { [0x0e, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807060504030201 }, // const8u
        { [0x03, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807060504030201 }, // addr
        { [0x10, 0xe5, 0x8e, 0x26], 624485 }, // constu
        { [0x11, 0x7f], ulong.MaxValue }, // consts
        { [0x77, 8], 0x7008 }, // breg7
        { [0x92, 16, 0x77], 0x5000 }, // bregx rip -9
        { [0x12, 0x22], 2 * First }, // dup, plus
        { [0x31, 0x13], First }, // drop
        { [0x31, 0x14], First }, // over
        { [0x31, 0x32, 0x15, 2], First }, // pick
        { [0x31, 0x16, 0x1c], unchecked(1 - First) }, // swap, minus
        { [0x31, 0x32, 0x17, 0x1c, 0x1c], unchecked(2 - (First - 1)) }, // rot: 2, First, 1
        { [0x09, 0xf9, 0x19], 7 }, // abs
        { [0x31, 0x1f], ulong.MaxValue }, // neg
        { [0x31, 0x20], ulong.MaxValue - 1 }, // not
        { [0x23, 0x05], First + 5 }, // plus_uconst
        { [0x3f, 0x1a], First & 15 }, // and
        { [0x3f, 0x21], First | 15 }, // or
        { [0x3f, 0x27], First ^ 15 }, // xor
        { [0x37, 0x1b], First / 7 }, // div
        { [0x09, 0xf9, 0x1b], unchecked((ulong)-(long)(First / 7)) }, // div by -7
        { [0x37, 0x1d], First % 7 }, // mod
        { [0x37, 0x1e], First * 7 }, // mul
        { [0x33, 0x24], First << 3 }, // shl
        { [0x33, 0x25], First >> 3 }, // shr
        { [0x09, 0xf0, 0x32, 0x26], unchecked((ulong)-4) }, // shra
        { [0x08, 64, 0x24], 0 },
        { [0x08, 200, 0x25], 0 },
        { [0x09, 0xf0, 0x08, 200, 0x26], ulong.MaxValue },
        { [0x0e, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x09, 0xff, 0x1b], 1UL << 63 }, // the least number by -1
        { [0x09, 0xff, 0x2d], 0 }, // lt, signed
        { [0x09, 0xff, 0x2b], 1 }, // gt
        { [0x12, 0x29], 1 }, // eq
        { [0x12, 0x2a], 1 }, // ge
        { [0x12, 0x2c], 1 }, // le
        { [0x12, 0x2e], 0 }, // ne
        { [0x2f, 1, 0, 0x30, 0x96], First }, // skip lit0, nop
        { [0x31, 0x28, 1, 0, 0x30], First }, // bra
        { [0x30, 0x28, 1, 0, 0x35], 5 },

        // As the linker's for a lazily bound call: rsp + 8 + ((rip & 15) >= 11) << 3
        { [0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22], 0x7008 },
    };

    [Theory]
    [MemberData(nameof(Expressions))]
    public void EachOperationGivesWhatDwarfSays(byte[] operations, ulong expected)
    {
        Assert.True(TryEvaluate(operations, out ulong result));
        Assert.Equal(expected, result);
    }

    [Fact]
    public void MemoryIsRead()
    {
        byte* place = Memory.Put(0x1122334455667788UL);
        byte[] address = BitConverter.GetBytes((ulong)place);
        Assert.True(TryEvaluate([0x03, .. address, 0x06], out ulong result));
        Assert.Equal(0x1122334455667788UL, result);
        foreach ((byte bytes, ulong expected) in new (byte, ulong)[] { (1, 0x88), (2, 0x7788), (4, 0x55667788), (8, 0x1122334455667788) })
        {
            Assert.True(TryEvaluate([0x03, .. address, 0x94, bytes], out result));
            Assert.Equal(expected, result);
        }

        Assert.False(TryEvaluate([0x03, .. address, 0x94, 3], out _));
        Assert.False(TryEvaluate([0x31, 0x06], out _));
        Assert.False(TryEvaluate([0x03, .. BitConverter.GetBytes((ulong)Memory.End - 4), 0x06], out _));
    }

    public static TheoryData<byte[]> Nonsense =>
    [
        [0x13, 0x13], // drops what is not there
        [0x13], // leaves nothing
        [0x22], // needs two
        [0x16],
        [0x31, 0x17],
        [0x15, 1],
        [0x30, 0x1b], // divides by zero
        [0x30, 0x1d],
        [0x2f, 0xfd, 0xff], // for ever
        [0x31, 0x2f, 0xfc, 0xff], // until the stack is full
        [0x2f, 0xf0, 0xff], // to before its start
        [0x2f, 1, 0], // to behind its end
        [0x50], // a register, not its contents
        [0x92, 17, 0],
        [0x08], // no operand
        [0x9c], // the frame's own address: known only behind this
        [0xe0],
        [0x18],
    ];

    [Theory]
    [MemberData(nameof(Nonsense))]
    public void NonsenseIsRefused(byte[] operations) => Assert.False(TryEvaluate(operations, out _));

    [Fact]
    public void OneThatIsNotThereIsRefused()
    {
        *(Memory.End - 1) = 4;
        Assert.False(FrameExpression.TryEvaluate(Work, (long)(Memory.End - 1), First, out _));
        Assert.False(FrameExpression.TryEvaluate(Work, 16, First, out _));
    }

    private bool TryEvaluate(byte[] operations, out ulong result)
    {
        Work->Registers.Values[Registers.Rsp] = 0x7000;
        Work->Registers.Values[Registers.Rip] = 0x5009;
        byte* expression = Memory.Put([.. TableMemory.Unsigned((ulong)operations.Length), .. operations]);
        Memory.Put(0x31, 0x31, 0x31); // what follows is not its
        return FrameExpression.TryEvaluate(Work, (long)expression, First, out result);
    }
}

using System;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class FrameProgramTests : UnwindingTest
{
    private byte* Function => Memory.Start + 1000;

    [Fact]
    public void ARowHoldsUpToTheNextPlace()
    {
        // push rbx (1 byte); sub 32 (4 bytes); ...; add 32; pop; ret
        Read(0x41, 0x0e, 16, 0x83, 2, 0x44, 0x0e, 48, 0x50, 0x0e, 16, 0x41, 0x0e, 8);
        (int At, long Cfa, bool IsSaved)[] rows =
            [(0, 8, false), (1, 16, true), (4, 16, true), (5, 48, true), (20, 48, true), (21, 16, true), (22, 8, true), (99, 8, true)];
        foreach ((int at, long cfa, bool isSaved) in rows)
        {
            Run(at);
            Assert.Equal((Registers.Rsp, cfa), (Work->Rules.CfaRegister, Work->Rules.CfaOffset));
            Assert.Equal(isSaved ? RuleKind.Saved : RuleKind.Same, Work->Rules.KindOf(Registers.Rbx));
            Assert.Equal((RuleKind.Saved, -8L), (Work->Rules.KindOf(Registers.Rip), Work->Rules.Values[Registers.Rip]));
        }

        Assert.Equal(-16, Work->Rules.Values[Registers.Rbx]);
    }

    [Fact]
    public void PlacesAreFarApartToo()
    {
        Read(0x02, 200, 0x0e, 16, 0x03, 0, 1, 0x0e, 24, 0x04, 0, 0, 1, 0, 0x0e, 32);
        foreach ((int at, long cfa) in new[] { (199, 8L), (200, 16), (455, 16), (456, 24), (456 + 65535, 24), (456 + 65536, 32) })
        {
            Run(at);
            Assert.Equal(cfa, Work->Rules.CfaOffset);
        }
    }

    [Fact]
    public void RowsAreRememberedWithTheirFrameAddress()
    {
        Read(0x0e, 16, 0x86, 2, 0x0d, 6, 0x41, 0x0a, 0x0c, 7, 8, 0xc6, 0x41, 0x0b);
        Run(1);
        Assert.Equal((Registers.Rsp, 8L, RuleKind.Same), (Work->Rules.CfaRegister, Work->Rules.CfaOffset, Work->Rules.KindOf(Registers.Rbp)));
        Run(2);
        Assert.Equal((Registers.Rbp, 16L, RuleKind.Saved), (Work->Rules.CfaRegister, Work->Rules.CfaOffset, Work->Rules.KindOf(Registers.Rbp)));
    }

    [Fact]
    public void SeveralAreRememberedAndNotTooMany()
    {
        byte[] nested = [.. Enumerable.Range(0, FrameProgram.MostRemembered).SelectMany(i => new byte[] { 0x0e, (byte)(16 + 8 * i), 0x0a }), 0x0e, 0];
        byte[] back = [.. Enumerable.Repeat((byte)0x0b, 3)];
        Read([.. nested, .. back]);
        Run(0);
        Assert.Equal(16 + 8 * (FrameProgram.MostRemembered - 3), Work->Rules.CfaOffset);
        Read([.. nested, 0x0a]);
        Assert.False(FrameProgram.TryRun(Work, (nuint)Function));
        Read(0x0b);
        Assert.False(FrameProgram.TryRun(Work, (nuint)Function));
    }

    [Fact]
    public void RestoreGivesBackWhatIsCommonToAll()
    {
        byte* common = Memory.Common(program: [0x0c, 7, 8, 0x90, 1, 0x83, 4]);
        Read(common, 0x83, 2, 0x41, 0xc3, 0x41, 0x08, 3, 0x41, 0x06, 3);
        foreach ((int at, RuleKind kind, long value) in new[] { (0, RuleKind.Saved, -16L), (1, RuleKind.Saved, -32), (2, RuleKind.Same, 0), (3, RuleKind.Saved, -32) })
        {
            Run(at);
            Assert.Equal((kind, value), (Work->Rules.KindOf(Registers.Rbx), Work->Rules.Values[Registers.Rbx]));
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x05, 3, 2 }, RuleKind.Saved, -16)]
    [InlineData(new byte[] { 0x07, 3 }, RuleKind.Undefined, 0)]
    [InlineData(new byte[] { 0x09, 3, 12 }, RuleKind.Register, 12)]
    [InlineData(new byte[] { 0x11, 3, 0x7e }, RuleKind.Saved, 16)]
    [InlineData(new byte[] { 0x14, 3, 2 }, RuleKind.Distance, -16)]
    [InlineData(new byte[] { 0x15, 3, 0x7e }, RuleKind.Distance, 16)]
    [InlineData(new byte[] { 0x2f, 3, 2 }, RuleKind.Saved, 16)]
    [InlineData(new byte[] { 0x2e, 16, 0x83, 3 }, RuleKind.Saved, -24)]
    internal void EachInstructionSetsItsRule(byte[] program, RuleKind kind, long value)
    {
        Read(program);
        Run(0);
        Assert.Equal((kind, value), (Work->Rules.KindOf(Registers.Rbx), Work->Rules.Values[Registers.Rbx]));
    }

    [Theory]
    [InlineData(0x0f, 0)]
    [InlineData(0x10, 3)]
    [InlineData(0x16, 3)]
    internal void ExpressionsAreLeftWhereTheyAre(byte instruction, byte register)
    {
        Read([instruction, .. register != 0 ? [register] : Array.Empty<byte>(), 2, 0x77, 8, 0x86, 2]);
        Run(0);
        long expression = register == 0 ? Work->Rules.CfaOffset : Work->Rules.Values[register];
        Assert.Equal([2, 0x77, 8], new ReadOnlySpan<byte>((byte*)expression, 3).ToArray());
        Assert.Equal(RuleKind.Saved, Work->Rules.KindOf(Registers.Rbp));
        Assert.Equal(register == 0, Work->Rules.CfaRegister == FrameRules.ByExpression);
    }

    [Theory]
    [InlineData(new byte[] { 0x12, 6, 0x7e }, Registers.Rbp, 16)]
    [InlineData(new byte[] { 0x13, 0x7e }, Registers.Rsp, 16)]
    [InlineData(new byte[] { 0x0c, 6, 0x80, 1 }, Registers.Rbp, 128)]
    internal void TheFrameAddressIsDefined(byte[] program, int register, long offset)
    {
        Read(program);
        Run(0);
        Assert.Equal((register, offset), (Work->Rules.CfaRegister, Work->Rules.CfaOffset));
    }

    [Theory]
    [InlineData(new byte[] { 0x1d })]
    [InlineData(new byte[] { 0x2d })]
    [InlineData(new byte[] { 0x3f })]
    [InlineData(new byte[] { 0x0d, 17 })] // no such register
    [InlineData(new byte[] { 0x0f, 100, 0x77 })] // longer than the record
    internal void NonsenseIsRefused(byte[] program)
    {
        Read(program);
        Assert.False(FrameProgram.TryRun(Work, (nuint)Function));
    }

    // Of registers that are not kept, such as xmm.
    [Fact]
    public void OtherRegistersAreOfNoInterest()
    {
        Read(0xa0, 4, 0x05, 17, 3, 0xe0, 0x0e, 32);
        Run(0);
        Assert.Equal(32, Work->Rules.CfaOffset);
    }

    [Theory]
    [InlineData("zR", true)]
    [InlineData("zPLR", true)]
    [InlineData("zRS", true)]
    [InlineData("zRB", true)]
    [InlineData("eh", false)]
    [InlineData("R", true)]
    internal void AugmentationsAreUnderstood(string augmentation, bool isUnderstood)
    {
        byte[] data = augmentation == "zPLR" ? [0x9b, 1, 2, 3, 4, 0x1b, 0x1b] : [0x1b];
        byte* common = Memory.Common(augmentation, data);
        byte* description = Memory.Description(common, Function, 100, 0x0e, 24);
        bool isRead = Work->Description.TryRead(Pages, description);
        Assert.Equal(isUnderstood, isRead && Work->Description.Start == (nuint)Function && Work->Description.End == (nuint)Function + 100);
        if (isUnderstood)
        {
            Run(0);
            Assert.Equal(24, Work->Rules.CfaOffset);
            Assert.Equal(augmentation.Contains('S'), Work->Description.IsSignalFrame);
        }
    }

    [Fact]
    public void WhatIsNoDescriptionIsRefused()
    {
        byte* common = Memory.Common();
        Assert.False(Work->Description.TryRead(Pages, common));
        Assert.False(Work->Description.TryRead(Pages, (byte*)16));
        Assert.False(Work->Description.TryRead(Pages, Memory.End - 2));
        byte* empty = Memory.Put(0u);
        Assert.False(Work->Description.TryRead(Pages, empty));
        byte* lost = Memory.Put(20u);
        Memory.Put((uint)(lost - Memory.Start) + 4 + 8000); // whose common part lies before all
        Assert.False(Work->Description.TryRead(Pages, lost));
    }

    private void Read(params byte[] program) => Read(Memory.Common(), program);

    private void Read(byte* common, params byte[] program) =>
        Assert.True(Work->Description.TryRead(Pages, Memory.Description(common, Function, 1 << 20, program)));

    private void Run(int at) => Assert.True(FrameProgram.TryRun(Work, (nuint)Function + (nuint)at));
}

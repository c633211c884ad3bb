using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The sorted table, those that are made in its place, and what one place's row becomes.</summary>
public sealed unsafe class FrameTableTests : UnwindingTest
{
    private const int Length = 40;
    private const int Distance = 64;

    private readonly List<(nint Function, nint Description)> _rows = [];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(100)]
    public void EachFunctionIsFoundAndNothingBetween(int functions)
    {
        Describe(functions);
        nuint table = Memory.Sorted([.. _rows]);
        AssertFound(table);
    }

    [Fact]
    public void TablesOfOtherKindsAreRefused()
    {
        Describe(3);
        foreach ((int at, byte value) in new (int, byte)[] { (0, 2), (2, 0xff), (3, 0x1b), (3, 0x33) })
        {
            nuint table = Memory.Sorted([.. _rows]);
            ((byte*)table)[at] = value;
            Assert.False(TryFind(table, (nuint)_rows[0].Function));
        }

        Assert.False(TryFind((nuint)Memory.End - 4, (nuint)_rows[0].Function));
        nuint cut = Memory.Sorted([.. _rows]);
        *(uint*)(cut + 8) = 100_000; // more than there is room for
        Assert.False(TryFind(cut, (nuint)Memory.End));
        nuint none = Memory.Sorted();
        Assert.False(TryFind(none, (nuint)_rows[0].Function));
    }

    // As gcc leaves a static program.
    [Fact]
    public void AProgramWithoutATableGetsOne()
    {
        Memory.Put(0x0000001400000014UL); // what looks like the start of one, and is not
        Memory.Put(20u);
        Memory.Put(0u);
        Memory.Put(1, (byte)'z', (byte)'R', 0, 1, 0x78, 16, 1, 0x1b);
        Memory.At = Memory.Start + 128;
        Describe(100, at: Memory.Start + 256);
        Memory.Align(4);
        Memory.Put(0u);
        nuint table = MakeTable();
        AssertFound(table);
        Assert.NotEqual(0u, table);
    }

    [Fact]
    public void ThereMayBeNone()
    {
        Memory.Put(1, 2, 3, 4, 5, 6, 7, 8);
        Assert.Equal(0u, MakeTable());
        Memory.At = Memory.Start;
        Describe(2, at: Memory.Start + 64);
        Memory.Align(4);
        Memory.Put(0xfffffu); // the row of records does not come to an end
        Assert.Equal(0u, MakeTable());
    }

    [Fact]
    public void ARowBecomesAWord()
    {
        FrameRules rules = Rules();
        rules.CfaOffset = 128;
        rules.Set(Registers.Rbx, RuleKind.Saved, -56);
        rules.Set(Registers.R12 + 3, RuleKind.Saved, -16);
        FrameRule rule = FrameRule.Of(&rules, Memory.Start, false);
        Assert.Equal((FrameRuleKind.FromRsp, 128UL, 7 | 2UL << 40), (rule.Kind, rule.CfaOffset, rule.Saved));
        rules.CfaRegister = Registers.Rbp;
        rules.CfaOffset = 16;
        rules.Set(Registers.Rbp, RuleKind.Saved, -16);
        rules.Set(Registers.Rbx, RuleKind.Same, 0);
        rules.Set(2, RuleKind.Undefined, 0);
        rule = FrameRule.Of(&rules, Memory.Start, false);
        Assert.Equal((FrameRuleKind.FromRbp, 16UL, 2UL << 8 | 2UL << 40), (rule.Kind, rule.CfaOffset, rule.Saved));
        Assert.Equal(
            new[] { Registers.Rbx, Registers.Rbp, Registers.R12, Registers.R12 + 1, Registers.R12 + 2, Registers.R12 + 3 },
            Enumerable.Range(0, FrameRule.Kept).Select(FrameRule.KeptRegister));
    }

    [Fact]
    public void WhatDoesNotFitStaysInItsTable()
    {
        Assert.Equal(FrameRuleKind.FromRsp, KindWith((ref FrameRules rules) => rules.CfaOffset = 8 * 4095));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.CfaOffset = 8 * 4096));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.CfaOffset = 12));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.CfaOffset = -8));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.CfaRegister = 10));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.CfaRegister = FrameRules.ByExpression));
        Assert.Equal(FrameRuleKind.FromRsp, KindWith((ref FrameRules rules) => rules.Set(Registers.Rbx, RuleKind.Saved, -8 * 255)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rbx, RuleKind.Saved, -8 * 256)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rbx, RuleKind.Saved, 8)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rbx, RuleKind.Saved, -12)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rbx, RuleKind.SavedAt, 1)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rbx, RuleKind.Register, 1)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(10, RuleKind.Saved, -16)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rsp, RuleKind.Saved, -16)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rip, RuleKind.Saved, -16)));
        Assert.Equal(FrameRuleKind.Described, KindWith((ref FrameRules rules) => rules.Set(Registers.Rip, RuleKind.Same, 0)));
        Assert.Equal(FrameRuleKind.Outermost, KindWith((ref FrameRules rules) => rules.Set(Registers.Rip, RuleKind.Undefined, 0)));
        FrameRules signal = Rules();
        FrameRule rule = FrameRule.Of(&signal, (byte*)0x7fff_1234_5678, true);
        Assert.Equal((FrameRuleKind.Described, 0x7fff_1234_5678), (rule.Kind, (nint)rule.Description));
    }

    private delegate void Change(ref FrameRules rules);

    private FrameRuleKind KindWith(Change change)
    {
        FrameRules rules = Rules();
        change(ref rules);
        return FrameRule.Of(&rules, Memory.Start, false).Kind;
    }

    private static FrameRules Rules()
    {
        FrameRules rules = default;
        rules.Clear();
        rules.CfaOffset = 8;
        rules.Set(Registers.Rip, RuleKind.Saved, -8);
        return rules;
    }

    // Functions with gaps between them, in an order of no use.
    private void Describe(int functions, byte* at = null)
    {
        Memory.At = at != null ? at : Memory.At;
        byte* code = Memory.End - (functions + 1) * Distance;
        byte* common = Memory.Common();
        foreach (int number in Enumerable.Range(0, functions).OrderBy(number => number * 37 % 101))
        {
            byte* function = code + number * Distance;
            _rows.Add(((nint)function, (nint)Memory.Description(common, function, Length, 0x0e, (byte)(16 + 8 * (number % 10)))));
        }
    }

    private void AssertFound(nuint table)
    {
        foreach ((nint function, nint description) in _rows)
        {
            foreach (int at in new[] { 0, 1, Length - 1 })
            {
                Assert.True(FrameTable.TryFind(Pages, table, (nuint)(function + at), &Work->Description, out byte* entry));
                Assert.Equal((description, function), ((nint)entry, (nint)Work->Description.Start));
            }

            Assert.False(TryFind(table, (nuint)(function + Length)));
            Assert.False(TryFind(table, (nuint)(function - 1)));
        }
    }

    private bool TryFind(nuint table, nuint address) => FrameTable.TryFind(Pages, table, address, &Work->Description, out _);

    private nuint MakeTable()
    {
        Segment* segments = stackalloc Segment[2];
        segments[0] = new Segment { Type = Segment.Load, Flags = 6, Address = (nuint)Memory.Start, FileBytes = TableMemory.Bytes };
        segments[1] = new Segment { Type = Segment.Load, Flags = 4, Address = (nuint)Memory.Start, FileBytes = TableMemory.Bytes };
        ElfImage image = new() { Segments = segments, SegmentCount = 2 };
        return FrameSearch.MakeTable(Work, &image);
    }
}

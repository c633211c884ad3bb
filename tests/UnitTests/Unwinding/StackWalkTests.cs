using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Walks over stacks and tables that are laid out by hand.</summary>
public sealed unsafe class StackWalkTests : UnwindingTest
{
    private const int Length = 64;

    private readonly List<(nint Function, nint Description)> _rows = [];
    private readonly ulong* _stack;
    private readonly byte* _code;
    private readonly byte* _common;
    private byte* _nextFunction;
    private ulong* _top;

    public StackWalkTests()
    {
        _stack = _top = (ulong*)(Memory.Start + 32768);
        _code = _nextFunction = Memory.Start + 16384;
        _common = Memory.Common();
        Work->Registers.Values[Registers.Rsp] = (ulong)_stack;
    }

    [Fact]
    public void CallersAreFoundUpToTheOutermost()
    {
        nuint first = Function(0x0e, 16);
        nuint second = Function(0x0e, 48, 0x83, 2, 0x86, 3);
        nuint third = Function(0x0c, 6, 16, 0x86, 2);
        nuint last = Function(0x07, 16);
        Work->Registers.Values[Registers.Rip] = first + 5;
        Push(1, second + 10); // 16 bytes: one word, and the return address
        _top[3] = (ulong)(_top + 6 + 7); // second's caller's rbp
        _top[4] = 0xb;
        Push(5, third + 20);
        _top[7] = 0xbad; // where the pointer points to
        Push(8, last + 30);
        Assert.Equal((4, StackEnd.Whole), Seal().Follow());
        Assert.Equal([first + 6, second + 10, third + 20, last + 30], _found);
        Assert.Equal((0xbUL, 0xbadUL), (Work->Registers.Values[Registers.Rbx], Work->Registers.Values[Registers.Rbp]));

        // By the rules that were kept; and from behind a call.
        int tried = Os.ReadableCalls;
        Work->Registers.Values[Registers.Rsp] = (ulong)_stack;
        Work->Registers.Values[Registers.Rip] = first + 5;
        Assert.Equal((4, StackEnd.Whole), Follow(isInterrupted: false));
        Assert.Equal(first + 5, _found[0]);
        Assert.InRange(Os.ReadableCalls - tried, 1, 3);
    }

    [Fact]
    public void ZeroIsTheEndToo()
    {
        nuint first = Function(0x0e, 16);
        Work->Registers.Values[Registers.Rip] = first + 5;
        Push(1, 0);
        Assert.Equal((1, StackEnd.Whole), Seal().Follow());
    }

    [Fact]
    public void MoreThanAreWantedAreNotLookedAt()
    {
        nuint function = Function(0x0e, 16);
        nuint last = Function(0x07, 16);
        Seal();
        foreach ((int calls, int most, int count, StackEnd end) in new[] { (9, 10, 10, StackEnd.Whole), (10, 10, 10, StackEnd.Deep), (63, 128, 64, StackEnd.Whole), (1000, 128, 128, StackEnd.Deep) })
        {
            _top = _stack;
            for (int i = 1; i < calls; i++)
            {
                Push(1, function + 8);
            }

            Push(1, last + 8);
            Begin(function + 8);
            Assert.Equal((count, end), Follow(most));
        }
    }

    // The library's own are left out, wherever others come that look like it.
    [Fact]
    public void OnlyTheFirstFramesAreTheLibrarys()
    {
        nuint own = Function(0x0e, 16);
        nuint other = Function(0x0e, 16);
        nuint last = Function(0x07, 16);
        Shim.OwnFunctions = (own, own + Length);
        Seal();
        foreach (nuint caller in new[] { own, own, other, own, last })
        {
            Push(1, caller + 8);
        }

        Begin(own + 8);
        Assert.Equal((3, StackEnd.Whole), Follow(isOwn: true, isInterrupted: false));
        Assert.Equal([other + 8, own + 8, last + 8], _found);
        Begin(own + 8);
        Assert.Equal(6, Follow(isOwn: false).Count);
    }

    [Fact]
    public void AStackThatIsCutOffIsUnreadable()
    {
        nuint function = Function(0x0e, 32);
        Seal();
        Begin(function + 8);
        Work->Registers.Values[Registers.Rsp] = (ulong)Memory.End - 16;
        Assert.Equal((1, StackEnd.Unreadable), Follow());
        Begin(function + 8);
        Work->Registers.Values[Registers.Rsp] = 1UL << 62;
        Assert.Equal((1, StackEnd.Unreadable), Follow());
    }

    [Fact]
    public void CallersLieAbove()
    {
        nuint backwards = Function(0x0c, 6, 16);
        nuint still = Function(0x0e, 0);
        nuint itself = Function(0x08, 16); // the return address is kept in the instruction pointer
        Seal();
        foreach (nuint function in new[] { backwards, still, itself })
        {
            Begin(function + 8);
            Work->Registers.Values[Registers.Rbp] = (ulong)(_stack - 100);
            Assert.Equal((1, StackEnd.Lost), Follow());
        }
    }

    // What was there before a signal came is any place in a function, and on any stack.
    [Fact]
    public void AHandlersFrameLeadsToTheInterruptedOne()
    {
        byte* common = Memory.Common("zRS", program: [0x0f, 3, 0x77, 0x20, 0x06, 0x10, 16, 2, 0x77, 8, 0x10, 3, 2, 0x77, 16]);
        nuint handler = Function(0x0e, 16);
        nuint way = Function(common);
        nuint interrupted = Function(0x42, 0x0e, 16);
        nuint last = Function(0x07, 16);
        Seal();
        Push(1, way + 1);
        ulong* frame = _top;
        ulong* other = (ulong*)(Memory.Start + 30000) + 1; // below
        frame[1] = interrupted + 2; // right where the row begins, or it would be the one before
        frame[2] = 0xb;
        frame[4] = (ulong)other;
        other[1] = last + 8;
        Begin(handler + 8);
        Assert.Equal((4, StackEnd.Whole), Follow());
        Assert.Equal([handler + 9, way + 2, interrupted + 3, last + 8], _found);
        Assert.Equal(0xbUL, Work->Registers.Values[Registers.Rbx]);
    }

    [Fact]
    public void EachRuleFindsItsRegister()
    {
        nuint function = Function(
            0x0e, 80,
            0x83, 3, // rbx at -24
            0x14, 6, 5, // rbp is the frame address less 40
            0x09, 12, 3, // r12 is in rbx
            0x10, 13, 3, 0x08, 16, 0x1c, // r13 lies at the frame address less 16
            0x16, 14, 2, 0x77, 4, // r14 is rsp + 4
            0x07, 15);
        nuint last = Function(0x07, 16);
        Seal();
        ulong cfa = (ulong)(_stack + 10);
        _stack[7] = 0xb;
        _stack[8] = 0xd;
        _stack[9] = last + 8;
        Begin(function + 8);
        Work->Registers.Values[Registers.Rbx] = 0xbb;
        Work->Registers.Values[15] = 0xf;
        Assert.Equal((2, StackEnd.Whole), Follow());
        Assert.Equal(
            (0xbUL, cfa - 40, 0xbbUL, 0xdUL, (ulong)_stack + 4, 0xfUL, cfa),
            (Value(3), Value(6), Value(12), Value(13), Value(14), Value(15), Value(7)));
    }

    // As compilers at run time leave it, in the middle of the stack.
    [Fact]
    public void CodeWithoutATableIsLeftByItsFramePointer()
    {
        nuint function = Function(0x0e, 16);
        nuint last = Function(0x07, 16);
        Seal();
        TableMemory compiled = new();
        compiled.Put(0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7);
        Push(1, (nuint)compiled.At);
        _top[3] = 0xb;
        Work->Registers.Values[Registers.Rbp] = (ulong)(_top + 3);
        *(function + (byte*)3) = 0xe8; // behind which the last is called
        _top[4] = function + 8;
        _top += 5;
        Push(1, last + 8);
        Begin(function + 8);
        Assert.Equal((4, StackEnd.Whole), Follow());
        Assert.Equal([function + 9, (nuint)compiled.At, function + 8, last + 8], _found);
    }

    [Fact]
    public void WhatIsNoCallersAddressIsLeftOut()
    {
        nuint function = Function(0x0e, 16);
        nuint first = Function(0x0e, 16);
        Seal();
        Push(1, (nuint)_stack);
        Begin(function + 8);
        Assert.Equal((1, StackEnd.Lost), Follow());

        // Where a function begins, a stack was laid out by hand. The one before does not reach up to it.
        _top = _stack;
        Push(1, first + Length * 2);
        Begin(function + 8);
        Function(0x0e, 16);
        nuint coroutine = Function(0x0e, 16);
        Shim.Objects.Clear();
        Seal();
        _top = _stack;
        Push(1, coroutine);
        Assert.Equal((2, StackEnd.Whole), Follow());
        Assert.Equal(coroutine + 1, _found[1]);
    }

    [Fact]
    public void RulesAreThoseOfTheObjectThatIsThere()
    {
        nuint function = Function(0x0e, 16);
        nuint last = Function(0x07, 16);
        Seal();
        Push(1, last + 8);
        Push(1, 0);
        Begin(function + 8);
        Assert.Equal((2, StackEnd.Whole), Follow());

        // Another one at the same place has its table elsewhere.
        _rows[0] = (_rows[0].Function, (nint)Memory.Description(_common, (byte*)function, Length, 0x0e, 32));
        Shim.Objects.Clear();
        Seal();
        Begin(function + 8);
        Assert.Equal((1, StackEnd.Whole), Follow());
    }

    // What a frame has saved may lie on another page than its return address, and pages between hold nothing of a walk's.
    [Theory]
    [InlineData(16, 4096, 24, 4096, 4104)]
    [InlineData(8192, 16, 12288, 8, 32)]
    [InlineData(40, 20480, 4088, 4088, 16)]
    public void FramesLieOverPages(params int[] sizes)
    {
        nuint[] functions = [.. sizes.Select(size => Function([0x0e, .. TableMemory.Unsigned((ulong)size), .. size > 8 ? [0x83, 2] : Array.Empty<byte>()]))];
        nuint last = Function(0x07, 16);
        Seal();
        foreach (int begin in new[] { 0, 1, 200, 500 })
        {
            ulong* at = _stack + begin;
            ulong saved = 0;
            for (int i = 0; i < sizes.Length; i++)
            {
                at += sizes[i] / 8;
                at[-1] = (i + 1 < sizes.Length ? functions[i + 1] : last) + 8;
                saved = sizes[i] > 8 ? at[-2] = (ulong)(100 + i) : saved;
            }

            foreach (bool isKnown in new[] { false, true })
            {
                Begin(functions[0] + 8);
                Work->Registers.Values[Registers.Rsp] = (ulong)(_stack + begin);
                Assert.Equal((sizes.Length + 1, StackEnd.Whole), isKnown ? FollowUp() : Follow());
                Assert.Equal([.. functions.Select(function => function + 9 - (isKnown ? 1u : 0)).Take(1), .. functions.Skip(1).Append(last).Select(function => function + 8)], _found);
                Assert.Equal(saved, Work->Registers.Values[Registers.Rbx]);
            }
        }
    }

    [Fact]
    public void EachWalkHasAWorkspaceOfItsOwn()
    {
        Workspace* one = Workspaces.Take();
        Workspace* two = Workspaces.Take();
        Assert.True(one != two && one->Shared == two->Shared && one->Number != two->Number);
        Workspaces.Give(one);
        Assert.True(Workspaces.Take() == one);
        List<nint> others = [];
        while (Workspaces.Take() is var other && other != null)
        {
            others.Add((nint)other);
        }

        Assert.Equal(62, others.Distinct().Count());
        others.ForEach(other => Workspaces.Give((Workspace*)other));
        Workspaces.Give(one);
        Workspaces.Give(two);

        int clashes = 0;
        int[] users = new int[64];
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 50_000; i++)
            {
                Workspace* mine = Workspaces.Take();
                clashes += Interlocked.Increment(ref users[mine->Number]) == 1 ? 0 : 1;
                Interlocked.Decrement(ref users[mine->Number]);
                Workspaces.Give(mine);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(0, clashes);
    }

    [Fact]
    public void RulesOfTwoThreadsAreNeverMixed()
    {
        RuleCache* rules = &Work->Shared->Rules;
        ulong first = Hash.Add(1, 0x1234);
        ulong second = (Hash.Add(2, 0x1234) & ~4095UL) | (first & 4095);
        FrameRule one = FrameRule.DescribedBy((byte*)0x1111_1111);
        FrameRule two = FrameRule.DescribedBy((byte*)0x2222_2222);
        Assert.Equal(FrameRuleKind.Unknown, rules->Get(first).Kind);
        rules->Put(first, one);
        Assert.Equal((one.Bits, 0UL), (rules->Get(first).Bits, rules->Get(second).Bits));
        rules->Put(second, two);
        Assert.Equal((0UL, two.Bits), (rules->Get(first).Bits, rules->Get(second).Bits));
        for (int i = 0; i < 8192; i++)
        {
            ((ulong*)rules)[i] = i % 2 == 0 ? first ^ one.Bits : two.Bits; // the one's check beside the other's rule
        }

        Assert.Equal((0UL, 0UL), (rules->Get(first).Bits, rules->Get(second).Bits));
    }

    private nuint[] _found;

    private ulong Value(int register) => Work->Registers.Values[register];

    private nuint Function(params byte[] program) => Function(_common, program);

    // With a gap to the next.
    private nuint Function(byte* common, params byte[] program)
    {
        byte* function = _nextFunction;
        _nextFunction += 2 * Length;
        _rows.Add(((nint)function, (nint)Memory.Description(common, function, Length, program)));
        return (nuint)function;
    }

    private StackWalkTests Seal()
    {
        Load(Memory, Memory.Sorted([.. _rows]));
        return this;
    }

    // A return address that so many words of a frame lie before.
    private void Push(int words, nuint caller)
    {
        _top[words] = caller;
        _top += words + 1;
    }

    // As Backtrace begins, on the stack that it runs on.
    private (int Count, StackEnd End) FollowUp()
    {
        Forget();
        Work->Pages.BeginStack((nuint)Work->Registers.Values[Registers.Rsp]);
        nuint[] frames = new nuint[64];
        fixed (nuint* at = frames)
        {
            int count = StackWalk.Follow(Work, at, frames.Length, isOwn: false, isInterrupted: false, out StackEnd end);
            _found = frames[..count];
            return (count, end);
        }
    }

    private void Begin(nuint address)
    {
        Work->Registers.Values[Registers.Rsp] = (ulong)_stack;
        Work->Registers.Values[Registers.Rip] = address;
    }

    private (int Count, StackEnd End) Follow(int most = 64, bool isOwn = false, bool isInterrupted = true)
    {
        (int count, StackEnd end, nuint[] frames) = FollowFrom(most, isOwn, isInterrupted);
        _found = frames;
        return (count, end);
    }
}

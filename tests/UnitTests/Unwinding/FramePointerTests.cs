using System;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class FramePointerTests : UnwindingTest
{
    private readonly ulong* _stack;

    public FramePointerTests()
    {
        _stack = (ulong*)(Memory.Start + 4096);
        Work->Registers.Values[Registers.Rsp] = (ulong)_stack;
        Work->Registers.Values[Registers.Rip] = (ulong)AfterCall();
    }

    [Theory]
    [InlineData(0xe8, 1, 2, 3, 4)] // a distance
    [InlineData(0xff, 0xd7)] // rdi
    [InlineData(0x41, 0xff, 0xd2)] // r10
    [InlineData(0xff, 0x10)] // [rax]
    [InlineData(0xff, 0x14, 0x24)] // [rsp]
    [InlineData(0xff, 0x50, 0x18)] // [rax + 24]
    [InlineData(0xff, 0x54, 0x24, 8)] // [rsp + 8]
    [InlineData(0xff, 0x15, 1, 2, 3, 4)] // [rip + distance]
    [InlineData(0xff, 0x90, 1, 2, 3, 4)] // [rax + distance]
    [InlineData(0xff, 0x94, 0x24, 1, 2, 3, 4)] // [rsp + distance]
    [InlineData(0xff, 0x14, 0xc5, 1, 2, 3, 4)] // [8 * rax + distance]
    public void ACallerIsBehindACall(params int[] call)
    {
        ulong caller = (ulong)After(call);
        Push(4, rbp: 0x1234, caller);
        Assert.Equal(FrameStep.Called, FramePointer.StepOut(Work, isInterrupted: false));
        Assert.Equal((caller, 0x1234UL, (ulong)(_stack + 6)), (Value(Registers.Rip), Value(Registers.Rbp), Value(Registers.Rsp)));
    }

    [Theory]
    [InlineData(0xe9, 1, 2, 3, 4)] // jmp
    [InlineData(0xff, 0xe7)] // jmp rdi
    [InlineData(0xff, 0xf7)] // push rdi
    [InlineData(0xe8, 1, 2, 3)]
    [InlineData(0xff, 0x14)] // cut off
    [InlineData(0xff, 0x50)]
    [InlineData(0x90, 0x90, 0x90, 0x90, 0x90, 0x90)]
    public void NotBehindAnythingElse(params int[] instructions)
    {
        Push(4, rbp: 0x1234, (ulong)After(instructions));
        Assert.Equal(FrameStep.Lost, FramePointer.StepOut(Work, isInterrupted: false));
        Work->Registers.Values[Registers.Rip] = (ulong)After(instructions);
        Assert.Equal(FrameStep.Astray, FramePointer.StepOut(Work, isInterrupted: false));
    }

    [Fact]
    public void CodeMayBeginWithTheCall()
    {
        TableMemory code = new();
        code.Put(0xff, 0xd7);
        Push(0, rbp: 0, (ulong)code.At);
        Assert.Equal(FrameStep.Called, FramePointer.StepOut(Work, isInterrupted: false));
    }

    [Fact]
    public void TheStackEndsWhereThePointerIsZero()
    {
        Assert.Equal(FrameStep.Outermost, FramePointer.StepOut(Work, isInterrupted: false));
        Push(2, rbp: 0, 0);
        Assert.Equal(FrameStep.Called, FramePointer.StepOut(Work, isInterrupted: false));
        Assert.Equal(0UL, Value(Registers.Rip));
    }

    [Fact]
    public void ThePointerIsOnTheSameStack()
    {
        ulong caller = (ulong)AfterCall();
        foreach (long distance in new long[] { -8, -16, 4, 1, 1L << 40, (long)(Memory.End - (byte*)_stack) - 8, (64 << 12) + 8 })
        {
            ulong pointer = (ulong)((byte*)_stack + distance);
            if (distance is > 0 and < 1000)
            {
                ((ulong*)pointer)[1] = caller;
            }

            Work->Registers.Values[Registers.Rbp] = pointer;
            Assert.Equal(FrameStep.Lost, FramePointer.StepOut(Work, isInterrupted: false));
        }

        Push((int)((Memory.End - (byte*)_stack) / 8) - 2, rbp: 0, caller);
        Assert.Equal(FrameStep.Called, FramePointer.StepOut(Work, isInterrupted: false));
    }

    [Fact]
    public void AFunctionMayBeInterruptedBeforeItHasPushedAnything()
    {
        ulong caller = (ulong)AfterCall();
        Push(8, rbp: 0x1234, (ulong)AfterCall());
        _stack[0] = caller;
        Work->Registers.Values[Registers.Rip] = (ulong)Memory.Put(0x55);
        Assert.Equal(FrameStep.Called, FramePointer.StepOut(Work, isInterrupted: true));
        Assert.Equal((caller, (ulong)(_stack + 8), (ulong)(_stack + 1)), (Value(Registers.Rip), Value(Registers.Rbp), Value(Registers.Rsp)));
    }

    [Theory]
    [InlineData(0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05)]
    [InlineData(0xb8, 15, 0, 0, 0, 0x0f, 0x05, 0x90, 0x90)]
    public void TheWayBackFromAHandlerIsKnownByItsCode(params int[] code)
    {
        byte* start = Memory.Put(Array.ConvertAll(code, value => (byte)value));
        ulong* context = (ulong*)((byte*)_stack + 40);
        for (int i = 0; i < 17; i++)
        {
            context[i] = 100u + (uint)i;
        }

        Work->Registers.Values[Registers.Rip] = (ulong)start;
        Assert.Equal(FrameStep.Interrupted, FramePointer.StepOut(Work, isInterrupted: false));

        // By the kernel's order: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
        int[] registers = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16];
        for (int i = 0; i < registers.Length; i++)
        {
            Assert.Equal(100u + (uint)i, Value(registers[i]));
        }

        Work->Registers.Values[Registers.Rip] = (ulong)start;
        Work->Registers.Values[Registers.Rsp] = (ulong)Memory.End - 64;
        Assert.Equal(FrameStep.Unreadable, FramePointer.StepOut(Work, isInterrupted: false));
    }

    private ulong Value(int register) => Work->Registers.Values[register];

    private byte* AfterCall() => After(0xe8, 1, 2, 3, 4);

    private byte* After(params int[] instructions)
    {
        Memory.Put(0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90);
        Memory.Put(Array.ConvertAll(instructions, value => (byte)value));
        return Memory.At;
    }

    // The caller's rbp below the return address, so many words above the stack pointer.
    private void Push(int words, ulong rbp, ulong caller)
    {
        _stack[words] = rbp;
        _stack[words + 1] = caller;
        Work->Registers.Values[Registers.Rbp] = (ulong)(_stack + words);
    }
}

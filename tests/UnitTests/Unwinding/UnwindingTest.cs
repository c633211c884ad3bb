using System;
using System.Runtime.InteropServices;

namespace NativeMalloc.UnitTests;

/// <summary>A test with a workspace of its own, and memory for tables.</summary>
public abstract unsafe class UnwindingTest : AllocatorTest
{
    private protected TableMemory Memory { get; } = new();

    private protected Workspace* Work { get; }

    protected UnwindingTest()
    {
        Work = (Workspace*)NativeMemory.AllocZeroed(Workspace.Bytes);
        Work->Shared = (Workspaces.Shared*)NativeMemory.AllocZeroed((nuint)sizeof(Workspaces.Shared));
    }

    private protected ReadablePages* Pages => &Work->Pages;

    private protected void Forget()
    {
        Work->Pages.Forget();
        Work->Objects.Forget();
    }

    /// <summary>An object that libc knows, of all of that memory.</summary>
    private protected CodeObject Load(TableMemory memory, nuint frames)
    {
        CodeObject code = new() { Start = (nuint)memory.Start, End = (nuint)memory.End, Frames = frames };
        Shim.Objects.Add(code);
        return code;
    }

    private protected (int Count, StackEnd End, nuint[] Frames) FollowFrom(int most = 64, bool isOwn = false, bool isInterrupted = true)
    {
        Forget();
        nuint[] frames = new nuint[most];
        fixed (nuint* at = frames)
        {
            int count = StackWalk.Follow(Work, at, most, isOwn, isInterrupted, out StackEnd end);
            return (count, end, frames[..Math.Min(count, most)]);
        }
    }
}

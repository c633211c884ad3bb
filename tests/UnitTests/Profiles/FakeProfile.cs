using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;

namespace NativeMalloc.UnitTests;

/// <summary>A process that profiles are written of: what a test says it is.</summary>
internal readonly unsafe struct FakeProfile : IProfileSource
{
    internal const string MapsPath = "/proc/self/maps";

    private static CallStack* s_first;
    private static CallStack* s_last;
    private static readonly Dictionary<nint, double> s_held = [];

    /// <summary>Pieces of its memory.</summary>
    internal static Dictionary<ulong, byte[]> Memory { get; } = [];

    internal static List<string> Comments { get; } = [];

    public static ulong Mean { get; set; }

    public static ulong Duration => 5_000_000_000;

    public static ulong Time => 1_800_000_000_123_456_789;

    public static byte* Maps { get; } = (byte*)Marshal.StringToCoTaskMemUTF8(MapsPath);

    public static ulong Program { get; set; }

    internal static void Reset()
    {
        s_first = null;
        s_held.Clear();
        Memory.Clear();
        Comments.Clear();
        Mean = 512 << 10;
        Program = 0;
    }

    internal static void SetMaps(params IEnumerable<string> lines) =>
        Os.Files[MapsPath] = (Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n"))), 0, 0);

    /// <summary>A stack with these return addresses, the innermost first.</summary>
    internal static CallStack* Add(ulong[] frames, Totals live, Totals allocated = default, Totals peak = default, double held = 0, StackEnd end = StackEnd.Whole)
    {
        CallStack* stack = (CallStack*)NativeMemory.AllocZeroed(CallStack.BytesFor(frames.Length)); // a test's are few
        stack->Depth = (ushort)frames.Length;
        stack->End = end;
        stack->Live = live;
        stack->Allocated = allocated;
        stack->LiveThen = peak;
        s_held[(nint)stack] = held;
        for (int i = 0; i < frames.Length; i++)
        {
            CallStack.FramesOf(stack)[i] = (nuint)frames[i];
        }

        if (s_first == null)
        {
            s_first = stack;
        }
        else
        {
            s_last->Later = stack;
        }

        return s_last = stack;
    }

    internal static Totals Blocks(double objects, double bytes) => new() { Objects = objects, Bytes = bytes };

    public static CallStack* NextStack(CallStack* after) => after == null ? s_first : after->Later;

    public static void Read(CallStack* stack, out StackValues values) =>
        values = new StackValues { Allocated = stack->Allocated, Live = stack->Live, Peak = stack->LiveThen, Held = s_held[(nint)stack] };

    public static bool WriteComment(int number, ref Output output)
    {
        if (number >= Comments.Count)
        {
            return false;
        }

        output.Text(Encoding.UTF8.GetBytes(Comments[number]));
        return true;
    }

    public static bool TryCopy(ulong address, void* to, nuint bytes)
    {
        foreach ((ulong start, byte[] piece) in Memory)
        {
            if (address >= start && address + bytes <= start + (ulong)piece.Length)
            {
                piece.AsSpan((int)(address - start), (int)bytes).CopyTo(new Span<byte>(to, (int)bytes));
                return true;
            }
        }

        return false;
    }
}

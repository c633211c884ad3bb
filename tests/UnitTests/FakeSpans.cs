using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Spans of addresses that nobody touches, entered in the page map, up to a limit.</summary>
internal readonly unsafe struct FakeSpans : ISpanSource
{
    private static readonly HashSet<nuint> s_live = [];
    private static readonly List<nuint> s_shed = [];
    private static nuint s_next;

    /// <summary>Spans that may still be taken.</summary>
    internal static int Left { get; set; }

    internal static int Live => s_live.Count;

    /// <summary>What the kernel was asked to take of spans, what others do meanwhile, and whether it refuses.</summary>
    internal static List<(nuint Start, nuint Bytes)> Released { get; } = [];

    internal static Action WhileReleasing { get; set; }

    internal static bool RefuseRelease { get; set; }

    internal static void Reset()
    {
        s_live.Clear();
        s_shed.ForEach(span => NativeMemory.Free((void*)span));
        s_shed.Clear();
        Left = int.MaxValue;
        Released.Clear();
        WhileReleasing = null;
        RefuseRelease = false;
        Holes = 0;
        Keepable = 0;
        // Below every real mapping, and in a part of the page map that no heap shares.
        s_next = unchecked((nuint)0x20_0000_0000);
    }

    public static Span* Take(nuint sizeClass)
    {
        if (Left == 0)
        {
            return null;
        }

        Left--;
        Span* span = (Span*)NativeMemory.AllocZeroed((nuint)sizeof(Span));
        span->Start = s_next;
        span->Pages = SizeClasses.PagesPerSpan(sizeClass);
        span->SizeClass = (byte)sizeClass;
        s_next += span->Bytes;
        Assert.True(PageMap.Cover(span->Start, span->Bytes));
        PageMap.SetSpan(span);
        s_live.Add((nuint)span);
        return span;
    }

    /// <summary>Spans that may be kept.</summary>
    internal static nint Keepable { get; set; }

    public static bool TryKeep(nuint pages) => Keepable > 0 && Keepable-- > 0;

    public static void EndKeep(nuint pages) => Keepable++;

    public static int TakeFromRemnants(nuint sizeClass, void** objects, int count) => 0;

    public static ulong* TakeRemnantSets(nuint sizeClass) => (ulong*)NativeMemory.AllocZeroed(8);

    public static void GiveRemnantSets(nuint sizeClass, ulong* sets) => NativeMemory.Free(sets);

    public static uint MakeRemnant(Span* span, nuint sizeClass, ulong* sets)
    {
        Assert.True(s_live.Remove((nuint)span), "a span was shed that was not out");
        PageMap.ClearSpan(span);
        span->Out = (ushort)span->Pages; // it is no count of objects any more
        s_shed.Add((nuint)span);
        NativeMemory.Free(sets);
        return 0;
    }

    public static void GivePages(nuint start, uint pages, uint holes)
    {
    }

    public static bool Release(nuint start, nuint bytes)
    {
        Released.Add((start, bytes));
        WhileReleasing?.Invoke();
        return !RefuseRelease;
    }

    /// <summary>Bytes of all holes.</summary>
    internal static nint Holes { get; private set; }

    public static void CountHoles(nint bytes) => Holes += bytes;

    public static int GiveElsewhere(nuint sizeClass, void** objects, int count) => count;

    public static void Give(Span* span)
    {
        Assert.True(s_live.Remove((nuint)span), "a span came back that was not out");
        Left++;
        PageMap.ClearSpan(span);
        NativeMemory.Free(span);
    }
}

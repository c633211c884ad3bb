using System;
using System.Reflection;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>
/// The allocator keeps pointers to its static structures. Here those are boxes on the collector's heap, and all other
/// tests rely on it that these do not move.
/// </summary>
public sealed unsafe class StaticsTests : AllocatorTest
{
    [Fact]
    public void StaticStructuresStayWhereTheyAre()
    {
        nint[] before = Addresses();
        for (int i = 0; i < 3; i++)
        {
            GC.KeepAlive(new byte[1 << 20]);
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
        }

        Assert.Equal(before, Addresses());
    }

    private static nint PageMapRoot() =>
        (nint)Pointer.Unbox(typeof(PageMap).GetProperty("RootPointer", BindingFlags.Static | BindingFlags.NonPublic).GetValue(null));

    private static nint[] Addresses() => [(nint)Heap.Pages, (nint)Metadata.Lock, PageMapRoot()];
}

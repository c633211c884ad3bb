namespace NativeMalloc;

/// <summary>This process's heap, for <see cref="Pins{THeap}"/>. On a slow path.</summary>
internal readonly unsafe struct OwnHeap : IPinnedHeap
{
    public static Span* SpanOf(nuint address) => PageMap.SpanOf(address);

    public static ulong* UnitsOf(Span* remnant) => remnant->Units;

    public static HugePage* HugePageOf(nuint address) => PageMap.HugePageOf(address);

    public static HugePage* NextHugePage(ref nuint address) => PageMap.NextHugePage(ref address);

    // Whether it is a remnant the class's lock tells. It stays the class's that it was.
    public static void Enter(Span* span)
    {
        CentralFreeLists.Of(span)->Lock.Acquire();
        if (span->Remnant)
        {
            Heap.Remnants->Lock.Acquire();
        }
    }

    public static void Leave(Span* span)
    {
        if (span->Remnant)
        {
            Heap.Remnants->Lock.Release();
        }

        CentralFreeLists.Of(span)->Lock.Release();
    }

    public static void EnterPages()
    {
        Heap.Remnants->Lock.Acquire();
        Heap.Pages->KeepAsItIs();
    }

    public static void LeavePages()
    {
        Heap.Pages->LeaveAsItIs();
        Heap.Remnants->Lock.Release();
    }
}

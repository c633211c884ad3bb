namespace NativeMalloc;

/// <summary>The front end, as far as <see cref="Heap.EmptyCaches"/> needs one: it counts how often it was drained, and how often with membarrier.</summary>
internal static unsafe class FrontEnd
{
    internal static int Drains { get; set; }

    internal static bool CanStopSlabs => true;

    internal static bool IndexIsCpu => true;

    internal static int Aborts { get; set; }

    internal static void ShareBudget(Slab* own)
    {
    }

    internal static void Drain(bool mayAbortOthers)
    {
        Drains++;
        Aborts += mayAbortOthers ? 1 : 0;
    }
}

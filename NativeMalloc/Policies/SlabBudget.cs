namespace NativeMalloc;

/// <summary>
/// How many bytes of objects each slab may hold. All slabs together have a bound, which they share: a part of the heap, so that a program
/// whose memory is little does not have much of it in caches, up to an amount, so that a machine with many CPUs does not hold many times as
/// much. (What memory there is, by control groups, takes six files to find out, and a filter may kill who opens files.)
/// </summary>
internal static class SlabBudget
{
    /// <summary>6 MiB: with half of it a mixed workload took a quarter longer, and heaps' resident memory was the same; with 8 it was no faster.</summary>
    private const nint MostOfSlab = 6 << 20;

    private const nint MostOfCpus = 64 << 20;

    /// <summary>tcmalloc's choice.</summary>
    private const nint MostOfThreads = 32 << 20;

    /// <summary>
    /// All share this, whatever the heap's size: what a slab holds is out of the other CPUs' reach, so of several they have
    /// less than a lone one; threads more, since most of them are idle. And what is of use to one.
    /// </summary>
    private const nint LeastOfOneCpu = 6 << 20;
    private const nint LeastOfCpus = 1 << 20;
    private const nint LeastOfThreads = 6 << 20;
    private const nint Least = 64 << 10;

    /// <summary>
    /// While the heap is falling no slab holds more than this, or all slabs' part of the heap: what it frees last would stay in them, and each
    /// object of it may hold a span.
    /// </summary>
    private const nint MostOfSlabWhileFalling = 256 << 10;

    private const int HeapFraction = 4;

    /// <summary>Of what all CPUs' slabs have, a slab's part is counted in so many.</summary>
    internal const int Whole = 1 << 16;

    /// <summary>
    /// A slab that all slow paths come from gets at most so many times an even part, and one that few come from that part of it: the others keep
    /// what they hold until they are used again.
    /// </summary>
    private const int MostUneven = 4;

    /// <summary>For one of so many CPUs' slabs, when the program has so many bytes, or is falling to them, and the slab that part of <see cref="Whole"/>.</summary>
    internal static nint ForCpu(int slabs, int part, nuint heap, bool falls)
    {
        nint all = ForAll(slabs == 1 ? LeastOfOneCpu : LeastOfCpus, MostOfCpus, heap);
        nint even = all / slabs;
        return WhileFalling(Bounded(Bounded(all / Whole * part, even / MostUneven, even * MostUneven), Least, MostOfSlab), heap, falls);
    }

    /// <summary>For each of so many threads' slabs.</summary>
    internal static nint ForThread(int slabs, nuint heap, bool falls) =>
        WhileFalling(Bounded(ForAll(LeastOfThreads, MostOfThreads, heap) / slabs, Least, MostOfSlab), heap, falls);

    private static nint ForAll(nint least, nint most, nuint heap) => Bounded((nint)(heap / HeapFraction), least, most);

    private static nint WhileFalling(nint budget, nuint heap, bool falls) =>
        falls ? Bounded(budget, 0, ForAll(MostOfSlabWhileFalling, MostOfSlab, heap)) : budget;

    private static nint Bounded(nint value, nint least, nint most) => value < least ? least : value > most ? most : value;
}

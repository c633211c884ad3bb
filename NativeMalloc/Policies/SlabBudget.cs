namespace NativeMalloc;

/// <summary>
/// How many bytes of objects each slab may hold. All slabs together have a bound, which they share: a part of the heap, so that a program
/// whose memory is little does not have much of it in caches, up to an amount, so that a machine with many CPUs does not hold many times as
/// much. (What memory there is, by control groups, takes six files to find out, and a filter may kill who opens files.)
/// </summary>
internal static class SlabBudget
{
    /// <summary>
    /// The most that is of use to one slab, and so the least of a lone CPU's, and that all threads' share: with half of it a mixed workload took a
    /// quarter longer, and heaps' resident memory was the same; with a third more it was no faster.
    /// </summary>
    private const nint MostOfOne = 6 << 20;

    /// <summary>The least that several CPUs' slabs share: what one holds is out of the others' reach, so they should hold less than a lone one.</summary>
    private const nint LeastOfSeveral = 2 << 20;

    /// <summary>All share no more than this, however large the heap is.</summary>
    private const nint MostOfAll = 64 << 20;

    /// <summary>The least that is of use to one: on many CPUs that, and while the heap is falling, since what it frees last would stay in the slab.</summary>
    internal const int LeastOfOne = 64 << 10;

    /// <summary>All share this part of the heap.</summary>
    private const int HeapFraction = 4;

    /// <summary>Of what all CPUs' slabs have, a slab's part is counted in so many.</summary>
    internal const int Whole = 1 << 16;

    /// <summary>
    /// A slab that all slow paths come from gets at most so many times an even part, and one that few come from that part of it: the others keep
    /// what they hold until they are used again.
    /// </summary>
    private const int MostUneven = 4;

    /// <summary>
    /// For so many bytes of large objects that a slab had no room for and that it wanted again it gets room for one more: what could have stayed
    /// goes that often, and then stays. A few hundred slow paths cost what a page does (<see cref="ShortRows.ReleasesForPage"/>).
    /// </summary>
    private const int ReturnsForRoom = 512;

    /// <summary>The part of <see cref="Whole"/> that a slab moved, of what all did: half of it, and half of what it was before, since threads come and go.</summary>
    internal static int PartOf(long moved, long all, int before) => (before + (int)(moved * Whole / all)) / 2;

    /// <summary>
    /// What one of so many slabs may hold of objects of a kernel's page and more: its share of the heap's part alone, and at least one of any size. What
    /// is saved by keeping one is little beside what its use costs, and a small heap of many sizes would have several times its memory in one of each.
    /// And what it has earned (<see cref="Earned"/>).
    /// </summary>
    internal static nint OfLarge(int slabs, nint budget, nuint heap, nint earned) =>
        Bounded((nint)(heap / HeapFraction) / slabs + earned, SizeClasses.MaxSize, budget);

    /// <summary>
    /// Room for large objects that one of so many slabs has earned, to which so many bytes of them came, and from which so many went. So a program of
    /// little memory has several times as much in caches only if it would go to their slow paths for ever.
    /// </summary>
    internal static nint Earned(int slabs, long came, long went) => Bounded((nint)((came < went ? came : went) / ReturnsForRoom), 0, MostOfAll / slabs);

    /// <summary>A slab's budget with what it has earned.</summary>
    internal static nint WithEarned(nint budget, nint earned) => Bounded(budget + earned, budget, MostOfOne);

    /// <summary>For one of so many CPUs' slabs, when the program has so many bytes, or is falling to them, and the slab that part of <see cref="Whole"/>.</summary>
    internal static nint ForCpu(int slabs, int part, nuint heap, bool falls)
    {
        nint all = ForAll(heap, slabs == 1 ? MostOfOne : LeastOfSeveral);
        nint even = all / slabs;
        return ForOne(Bounded(all / Whole * part, even / MostUneven, even * MostUneven), heap, falls);
    }

    /// <summary>For each of so many threads' slabs.</summary>
    internal static nint ForThread(int slabs, nuint heap, bool falls) => ForOne(ForAll(heap, MostOfOne) / slabs, heap, falls);

    private static nint ForAll(nuint heap, nint least) => Bounded((nint)(heap / HeapFraction), least, MostOfAll);

    // While the heap is falling no slab holds more than all should have of what is left: each object of it may hold a span.
    private static nint ForOne(nint budget, nuint heap, bool falls) =>
        Bounded(budget, LeastOfOne, falls ? Bounded((nint)(heap / HeapFraction), LeastOfOne, MostOfOne) : MostOfOne);

    private static nint Bounded(nint value, nint least, nint most) => value >= most || least > most ? most : value < least ? least : value;
}

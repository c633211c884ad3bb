namespace NativeMalloc;

/// <summary>
/// How many bytes of objects each slab may hold. All slabs together have a bound, which they share: a part of the heap, so that a program
/// whose memory is little does not have much of it in caches, up to an amount, so that a machine with many CPUs does not hold many times as
/// much. (What memory there is, by control groups, takes six files to find out, and a filter may kill who opens files.)
/// </summary>
internal static class SlabBudget
{
    /// <summary>6 MiB: with half of it a mixed workload took a quarter longer, and heaps' resident memory was the same; with 8 it was no faster.</summary>
    private const nint MostOfCpu = 6 << 20;
    private const nint MostOfCpus = 64 << 20;

    private const nint MostOfThread = 3 << 19;

    /// <summary>tcmalloc's choice.</summary>
    private const nint MostOfThreads = 32 << 20;

    /// <summary>
    /// All share this, whatever the heap's size: what a slab holds is out of the other CPUs' reach, so of several they have less than a lone
    /// one; threads more, since most of them are idle. And what is of use to one.
    /// </summary>
    private const nint LeastOfOneCpu = 2 << 20;
    private const nint LeastOfCpus = 1 << 20;
    private const nint LeastOfThreads = 6 << 20;
    private const nint Least = 64 << 10;

    private const int HeapFraction = 4;

    /// <summary>The transfer cache of one class: this part of the heap, within these bounds.</summary>
    private const int TransferHeapFraction = 512;
    private const int MostOfTransfer = 512 << 10;
    private const int LeastOfTransfer = 16 << 10;

    /// <summary>For each of so many CPUs' slabs, when so many bytes are in spans.</summary>
    internal static nint ForCpu(int slabs, nuint heap) => Share(slabs == 1 ? LeastOfOneCpu : LeastOfCpus, MostOfCpus, MostOfCpu, slabs, heap);

    /// <summary>For each of so many threads' slabs.</summary>
    internal static nint ForThread(int slabs, nuint heap) => Share(LeastOfThreads, MostOfThreads, MostOfThread, slabs, heap);

    /// <summary>For the transfer cache of one class. It doubles as the heap does: the cache's array, which is never given back, is made anew.</summary>
    internal static int ForTransfer(nuint heap)
    {
        int bytes = LeastOfTransfer;
        while (bytes < MostOfTransfer && (nuint)bytes * 2 <= heap / TransferHeapFraction)
        {
            bytes *= 2;
        }

        return bytes;
    }

    private static nint Share(nint leastOfAll, nint all, nint most, int slabs, nuint heap)
    {
        nint part = (nint)heap / HeapFraction;
        part = part > leastOfAll ? part : leastOfAll;
        all = part < all ? part : all;
        if (most * slabs <= all)
        {
            return most;
        }

        nint share = all / slabs;
        return share > Least ? share : Least;
    }
}

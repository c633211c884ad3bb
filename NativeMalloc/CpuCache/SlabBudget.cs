namespace NativeMalloc;

/// <summary>
/// How many bytes of objects each slab may hold: all slabs together have a bound, which they share, so that a machine with many CPUs does
/// not hold many times as much; it is smaller where memory is limited, by a control group or by an option.
/// </summary>
internal static class SlabBudget
{
    /// <summary>3 MiB: with half of it a mixed workload took a quarter longer, and a heap's resident memory was the same.</summary>
    private const nint MostOfCpu = 3 << 20;
    private const nint MostOfCpus = 64 << 20;

    private const nint MostOfThread = 3 << 19;

    /// <summary>tcmalloc's choice.</summary>
    private const nint MostOfThreads = 32 << 20;

    /// <summary>Below this a slab is of little use; where memory is limited it must be.</summary>
    private const nint Least = 256 << 10;
    private const nint LeastUnderLimit = 32 << 10;

    /// <summary>The slabs may hold this share of the memory that the process may have.</summary>
    private const int MemoryFraction = 16;

    /// <summary>The transfer cache of a class, that of a slab's share.</summary>
    private const int TransferFraction = 2048;
    private const int MostOfTransfer = 512 << 10;
    private const int LeastOfTransfer = 16 << 10;

    /// <summary>For each of so many CPUs' slabs.</summary>
    internal static nint ForCpu(int slabs) => Share(MostOfCpus, MostOfCpu, slabs);

    /// <summary>For each of so many threads' slabs.</summary>
    internal static nint ForThread(int slabs) => Share(MostOfThreads, MostOfThread, slabs);

    /// <summary>For the transfer cache of one class.</summary>
    internal static int ForTransfer
    {
        get
        {
            ulong bytes = Memory / TransferFraction;
            return bytes > MostOfTransfer ? MostOfTransfer : bytes > LeastOfTransfer ? (int)bytes : LeastOfTransfer;
        }
    }

    private static ulong Memory
    {
        get
        {
            ulong limit = Options.Limit < Options.SoftLimit ? Options.Limit : Options.SoftLimit;
            return limit < MemoryLimit.Bytes ? limit : MemoryLimit.Bytes;
        }
    }

    private static nint Share(nint all, nint most, int slabs)
    {
        nint least = Least;
        if (Memory / MemoryFraction < (ulong)all)
        {
            all = (nint)(Memory / MemoryFraction);
            least = LeastUnderLimit;
        }

        if (most * slabs <= all)
        {
            return most;
        }

        nint share = all / slabs;
        return share > least ? share : least;
    }
}

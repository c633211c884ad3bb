namespace NativeMalloc;

/// <summary>Whose rseq registration the sequences run on.</summary>
internal enum RseqOwner
{
    Unavailable,
    Glibc,
}

/// <summary>The field of the rseq area that says which slab is this CPU's; None: one slab for each thread.</summary>
internal enum RseqIndex
{
    None,
    CpuId,
    MmCid,
}

/// <summary>
/// Who registered rseq, and what the sequences read. The kernel takes one registration a thread, and glibc &gt;= 2.35 makes
/// it before anybody else can: it is used as it is, and no rseq call is ever made.
/// </summary>
/// <remarks>
/// The area, since Linux 4.18: cpu_id_start, cpu_id (below zero: not registered), rseq_cs, flags; since 6.3 also node_id and
/// mm_cid, as far as the kernel's feature size in the auxiliary vector says. mm_cid is a dense number among the CPUs that
/// run this process, so that slabs grow with its parallelism and not with the machine.
/// </remarks>
internal static unsafe class Rseq
{
    private const nint CpuIdOffset = 4;
    private const nint RseqCsOffset = 8;
    private const nint MmCidOffset = 24;

    /// <summary>Up to and with mm_cid; the area as it was at first has 20 bytes that mean something.</summary>
    private const uint SizeWithMmCid = 28;
    private const uint OriginalSize = 20;

    /// <summary>What every registration has at least, and what glibc's 32 bytes hold whatever __rseq_size says (20 or 32).</summary>
    private const uint AreaBytes = 32;

    private const nuint AtRseqFeatureSize = 27;

    private static RseqOwner s_owner;
    private static RseqIndex s_index;
    private static nint s_area;

    internal static RseqOwner Owner => s_owner;

    internal static RseqIndex Index => s_index;

    /// <summary>Decides for the process, on its first allocation, and tells the sequences where to look.</summary>
    internal static void Decide(IndexChoice choice)
    {
        nint area;
        bool registered = Shim.GlibcRseq(&area) != 0 && *(int*)(Shim.ThreadPointer() + area + CpuIdOffset) >= 0;
        if (!registered)
        {
            s_owner = RseqOwner.Unavailable;
            s_index = RseqIndex.None;
            return;
        }

        s_owner = RseqOwner.Glibc;
        s_area = area;
        s_index = Choose(choice);

        // Per thread, the index stays our own constant zero; the sequences still run on the registration, whose aborts
        // make them safe against signal handlers that allocate.
        nint own = (nint)((byte*)&Shim.Thread()->NoIndex - Shim.ThreadPointer());
        Shim.SetRseqOffsets(
            area + RseqCsOffset,
            s_index switch { RseqIndex.MmCid => area + MmCidOffset, RseqIndex.CpuId => area + CpuIdOffset, _ => own });
    }

    /// <summary>
    /// Whether the calling thread is registered. An unregistered one reads mm_cid as 0, which is a valid index, so this is
    /// asked before a thread gets the CPUs' table.
    /// </summary>
    internal static bool IsRegistered() => *(int*)(Shim.ThreadPointer() + s_area + CpuIdOffset) >= 0;

    private static RseqIndex Choose(IndexChoice choice)
    {
        if (choice == IndexChoice.Thread)
        {
            return RseqIndex.None;
        }

        uint features = (uint)Shim.AuxiliaryValue(AtRseqFeatureSize);
        features = features == 0 ? OriginalSize : features < AreaBytes ? features : AreaBytes;
        return features >= SizeWithMmCid && choice != IndexChoice.CpuId ? RseqIndex.MmCid : RseqIndex.CpuId;
    }
}

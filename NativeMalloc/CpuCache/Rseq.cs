namespace NativeMalloc;

/// <summary>
/// Who registered rseq, and what the sequences read: one decision for the process, at its first allocation, then one for each
/// thread. The kernel takes one registration a thread. The situations, and what is done in each, are in docs/coexistence.md.
/// </summary>
/// <remarks>
/// The area, since Linux 4.18: cpu_id_start, cpu_id (below zero: not registered), rseq_cs, flags; since 6.3 also node_id and
/// mm_cid, as far as the kernel's feature size in the auxiliary vector says. mm_cid is a dense number among the CPUs that
/// run this process, so that slabs grow with its parallelism and not with the machine.
/// Before glibc took the registration over (2.35), users of rseq shared the TLS symbol __rseq_abi. By its cpu_id each saw
/// whether the thread was registered; then came __rseq_refcount (TLS; who raises it from 0 registers, who lowers it to 0
/// unregisters) and, for a while, __rseq_handled (set: one library registers all threads, the others only look).
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

    /// <summary>What an area registered by somebody else may have.</summary>
    private const uint LongestArea = 256;

    private const nuint AtRseqFeatureSize = 27;

    private const uint Signature = 0x53053053;
    private const int FlagUnregister = 1;

    private static RseqOwner s_owner;
    private static RseqIndex s_index;
    private static nint s_area;
    private static int s_error;
    private static bool s_registersNoMore;

    internal static RseqOwner Owner => s_owner;

    internal static RseqIndex Index => s_index;

    /// <summary>What all of it comes to, and why.</summary>
    internal static FrontEndChoice Choice => new() { Owner = s_owner, Index = s_index, Error = s_error };

    /// <summary>Threads that joined must be taken out when they end (see <see cref="Leave"/>).</summary>
    internal static bool MustLeave => s_owner is RseqOwner.Own or RseqOwner.Shared;

    /// <summary>Decides for the process, on the thread of its first allocation, and tells the sequences where to look.</summary>
    internal static void Decide(IndexChoice choice)
    {
        nint area;
        if (Shim.GlibcRseq(&area) != 0 && CpuId(area) >= 0)
        {
            s_owner = RseqOwner.Glibc;
        }
        else
        {
            area = Shim.SharedRseqArea();
            s_owner = OwnerOfShared(area);
        }

        s_area = area;
        s_index = Choose(choice);
        if (s_owner == RseqOwner.Unavailable)
        {
            return; // the sequences keep to words of our own
        }

        // Per thread, the index stays our own constant zero; the sequences still run on the registration, whose aborts
        // make them safe against signal handlers that allocate.
        nint own = (nint)((byte*)&Shim.Thread()->NoIndex - Shim.ThreadPointer());
        Shim.SetRseqOffsets(
            area + RseqCsOffset,
            s_index switch { RseqIndex.MmCid => area + MmCidOffset, RseqIndex.CpuId => area + CpuIdOffset, _ => own });
    }

    /// <summary>
    /// Sees to the calling thread's registration; false if it can have none. An unregistered thread reads mm_cid as 0, which is
    /// a valid index, so this comes before a thread gets the CPUs' table. Never called in a vfork child.
    /// </summary>
    internal static bool Join(ThreadState* thread)
    {
        if (s_owner == RseqOwner.Glibc)
        {
            return CpuId(s_area) >= 0;
        }

        if (CpuId(s_area) < 0)
        {
            if (Shim.RseqIsHandled() != 0)
            {
                return true; // it will be registered; until then its cpu_id is below zero, and leads to the sentinel
            }

            if (s_registersNoMore)
            {
                return false;
            }

            int error = Register(s_area);
            if (error != 0)
            {
                // Another area owns this thread. librseq and tcmalloc abort when a later thread of theirs is refused, so
                // from now on none is registered.
                s_registersNoMore |= error is Errno.Invalid or Errno.NotPermitted;
                return false;
            }

            thread->Rseq |= RseqUse.MayUnregister;
        }

        if ((thread->Rseq & RseqUse.Counted) == 0)
        {
            // Registered, and yet nobody counts: by one who does not know of the count, and may not be left without.
            int others = (*Shim.RseqRefcount())++;
            thread->Rseq |= others > 0 ? RseqUse.Counted | RseqUse.MayUnregister : RseqUse.Counted;
        }

        return true;
    }

    /// <summary>
    /// Undoes <see cref="Join"/> on a thread that is ending and has the sentinel's table already: its area is about to vanish,
    /// with musl while the kernel could still write to it.
    /// </summary>
    internal static void Leave(ThreadState* thread)
    {
        bool last = (thread->Rseq & RseqUse.Counted) != 0 && --*Shim.RseqRefcount() == 0;
        if (last && (thread->Rseq & RseqUse.MayUnregister) != 0)
        {
            Unregister(Shim.ThreadPointer() + s_area);
        }

        thread->Rseq = RseqUse.None;
    }

    private static RseqOwner OwnerOfShared(nint area)
    {
        if (CpuId(area) >= 0 || Shim.RseqIsHandled() != 0)
        {
            return RseqOwner.Shared;
        }

        // The one attempt that decides for the process; Join then counts this thread in.
        s_error = Register(area);
        if (s_error != 0)
        {
            return RseqOwner.Unavailable;
        }

        Shim.Thread()->Rseq |= RseqUse.MayUnregister;
        return area == Shim.OwnRseqArea() ? RseqOwner.Own : RseqOwner.Shared;
    }

    // 0, or the error. EBUSY says that this very area is registered already, which its cpu_id must bear out.
    private static int Register(nint area)
    {
        int error = Os.RseqSystemCall(Shim.ThreadPointer() + area, AreaBytes, 0, Signature);
        return error == Errno.Busy && CpuId(area) >= 0 ? 0 : error;
    }

    // The kernel wants the length that was registered, and another user may have chosen a longer one.
    private static void Unregister(byte* area)
    {
        for (uint bytes = AreaBytes; bytes <= LongestArea; bytes += AreaBytes)
        {
            if (Os.RseqSystemCall(area, bytes, FlagUnregister, Signature) != Errno.Invalid)
            {
                return;
            }
        }
    }

    // mm_cid where the kernel has it and nobody but glibc can take the registration away: a thread that another library
    // unregisters would read 0, a valid index. So with areas that others can find, it must be asked for.
    private static RseqIndex Choose(IndexChoice choice)
    {
        if (choice == IndexChoice.Thread || s_owner == RseqOwner.Unavailable)
        {
            return RseqIndex.None;
        }

        uint features = (uint)Shim.AuxiliaryValue(AtRseqFeatureSize);
        features = features == 0 ? OriginalSize : features < AreaBytes ? features : AreaBytes;
        bool trusted = s_owner == RseqOwner.Glibc || (s_owner == RseqOwner.Own && choice == IndexChoice.MmCid);
        return features >= SizeWithMmCid && trusted && choice != IndexChoice.CpuId ? RseqIndex.MmCid : RseqIndex.CpuId;
    }

    private static int CpuId(nint area) => System.Threading.Volatile.Read(ref *(int*)(Shim.ThreadPointer() + area + CpuIdOffset));
}

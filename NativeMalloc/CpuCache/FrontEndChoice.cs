using System;

namespace NativeMalloc;

/// <summary>Whose rseq registration the sequences run on.</summary>
internal enum RseqOwner
{
    /// <summary>Nobody's: the front end is per-thread.</summary>
    Unavailable,

    /// <summary>glibc's, which every thread has from its start.</summary>
    Glibc,

    /// <summary>This library's, made thread by thread.</summary>
    Own,

    /// <summary>That of another early user, on the area that both call __rseq_abi.</summary>
    Shared,
}

/// <summary>The field of the rseq area that says which slab is this CPU's; None: one slab for each thread.</summary>
internal enum RseqIndex
{
    None,
    CpuId,
    MmCid,
}

/// <summary>Which front end the process has, and what it rests on; also the names by which all reports call that.</summary>
internal struct FrontEndChoice
{
    internal RseqOwner Owner;
    internal RseqIndex Index;

    /// <summary>Where the owner is nobody: the errno that a registration failed with, if there was one.</summary>
    internal int Error;

    internal readonly bool IsPerThread => Index == RseqIndex.None;

    internal readonly ReadOnlySpan<byte> RseqName => Owner switch
    {
        RseqOwner.Glibc => "glibc"u8,
        RseqOwner.Own => "own"u8,
        RseqOwner.Shared => "shared"u8,
        _ => "unavailable"u8,
    };

    internal readonly ReadOnlySpan<byte> IndexName => Index switch
    {
        RseqIndex.MmCid => "mm_cid"u8,
        RseqIndex.CpuId => "cpu_id"u8,
        _ => "thread"u8,
    };

    /// <summary>Why the owner is who it is.</summary>
    internal readonly ReadOnlySpan<byte> Reason => Owner switch
    {
        RseqOwner.Glibc => "glibc has registered it"u8,
        RseqOwner.Own => "nobody else had registered it"u8,
        RseqOwner.Shared => "another library shares its __rseq_abi"u8,
        _ => Error switch
        {
            Errno.NoSystemCall => "the kernel does not offer it"u8,
            Errno.Invalid => "another library has registered an area of its own"u8,
            _ => "the kernel refused the registration"u8,
        },
    };
}

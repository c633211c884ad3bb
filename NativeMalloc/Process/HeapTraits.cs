using System;

namespace NativeMalloc;

/// <summary>How NativeMalloc works in a process, as reports say it.</summary>
internal unsafe struct HeapTraits
{
    /// <summary>Ends with a zero byte.</summary>
    internal byte* Version;

    /// <summary>The process's malloc is this one.</summary>
    internal bool IsActive;

    /// <summary>Checking mode.</summary>
    internal bool Checks;

    /// <summary>The kernel says that it takes memory, and does not.</summary>
    internal bool ReleaseIsBroken;

    internal FrontEndChoice FrontEnd;

    /// <summary>Bytes from one sample to the next, 0 where none are taken.</summary>
    internal ulong SampleMean;

    internal Limits Limits;

    internal readonly ReadOnlySpan<byte> FrontEndName => Checks ? "none, checking"u8 : FrontEnd.IsPerThread ? "per-thread"u8 : "per-cpu"u8;
}

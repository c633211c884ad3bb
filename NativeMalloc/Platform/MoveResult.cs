namespace NativeMalloc;

/// <summary>What became of an attempt to move pages.</summary>
internal enum MoveResult
{
    Moved,

    /// <summary>The pages are where they were. The target may have been written to.</summary>
    Refused,

    /// <summary>As <see cref="Refused"/>, for want of memory, addresses or mappings: another time there may be enough.</summary>
    Short,

    /// <summary>As <see cref="Refused"/>: they lie in several of the kernel's mappings, each of which can be moved.</summary>
    Divided,

    /// <summary>Nothing was moved; the target may be mapped no more, or be somebody else's by now: it must not be touched again.</summary>
    TargetLost,
}

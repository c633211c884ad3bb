namespace NativeMalloc;

/// <summary>What became of an attempt to move pages.</summary>
internal enum MoveResult
{
    Moved,

    /// <summary>Nothing was moved, and nothing has changed.</summary>
    Refused,

    /// <summary>Nothing was moved; the target may be mapped no more, or be somebody else's by now: it must not be touched again.</summary>
    TargetLost,
}

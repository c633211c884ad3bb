namespace NativeMalloc;

/// <summary>What became of an attempt to move pages.</summary>
internal enum MoveResult
{
    Moved,

    /// <summary>Nothing was moved; the target is mapped, and holds what it held or reads zero.</summary>
    Refused,

    /// <summary>Nothing was moved; the target may not be mapped, or may be somebody else's by now, and must not be touched again.</summary>
    TargetLost,
}

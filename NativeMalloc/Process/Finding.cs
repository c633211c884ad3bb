namespace NativeMalloc;

/// <summary>Which function was handed what is not a block, or came upon what had been done to one.</summary>
internal enum Caller : byte
{
    Malloc,
    Free,
    Realloc,
    UsableSize,
    Exit,
}

/// <summary>What is wrong with an address, or with the block there.</summary>
internal enum Fault : byte
{
    None,
    NotAligned,
    Interior,
    FreedOrInterior,
    Foreign,
    Freed,
    FreedOrNoObject,
    WrongClass,
    NeverInUse,
    WrittenPastEnd,
    WrittenPastEndOrBefore,
    WrittenAfterFree,
    WrittenWhileFree,
}

/// <summary>
/// A misuse that a thread has found and not yet told of: it tells when it is off its slow path and holds no lock (<see cref="Misuse"/>).
/// </summary>
internal unsafe struct Finding
{
    internal void* Block;

    /// <summary>Bytes of its size class, or of the large block there, as it was when the misuse was found; 0 where there was none.</summary>
    internal nuint Bytes;

    internal Caller Caller;
    internal bool IsSmall;
    internal Fault Fault;
}

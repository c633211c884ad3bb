namespace NativeMalloc;

/// <summary>What <see cref="Metadata"/> has; its lock protects it.</summary>
internal unsafe struct MetadataState
{
    internal FutexLock Lock;
    internal byte* Next;
    internal byte* End;
    internal nuint MappedBytes;
    internal long TouchedBytes;

    // The mappings, the latest first: each is noted where there was room.
    internal MetadataMapping* Mappings;
}

/// <summary>One of the mappings of <see cref="Metadata"/>.</summary>
internal unsafe struct MetadataMapping
{
    internal MetadataMapping* Next;
    internal byte* Start;
    internal nuint Bytes;
}

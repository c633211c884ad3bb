namespace NativeMalloc;

/// <summary>enum nativemalloc_profile_format of nativemalloc.h.</summary>
internal enum ProfileFormat
{
    Pprof,
    Heap,
    Folded,
}

/// <summary>enum nativemalloc_profile_value of nativemalloc.h: what a file that holds one value of each stack shows.</summary>
internal enum ProfileValue
{
    InUse,
    Allocated,
    Peak,
    Held,
}

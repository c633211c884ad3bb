namespace NativeMalloc;

/// <summary>Which memory a heap profile is of.</summary>
public enum NativeMallocProfileValue
{
    /// <summary>What is in use.</summary>
    InUse = 0,

    /// <summary>What was allocated since profiling began, or was reset, whether or not it is in use still.</summary>
    Allocated = 1,

    /// <summary>What was in use when that was most, to within a tenth.</summary>
    Peak = 2,

    /// <summary>What is free, and kept from going back to the kernel by what is in use. There is none in <see cref="NativeMallocProfileFormat.Heap"/>.</summary>
    Held = 3,
}

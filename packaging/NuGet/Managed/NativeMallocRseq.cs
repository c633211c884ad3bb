namespace NativeMalloc;

/// <summary>Who has registered restartable sequences (rseq) with the kernel.</summary>
public enum NativeMallocRseq
{
    /// <summary>Nobody.</summary>
    Unavailable = 0,

    /// <summary>glibc.</summary>
    Glibc = 1,

    /// <summary>The library.</summary>
    Own = 2,

    /// <summary>The library, on an area that another one uses too.</summary>
    Shared = 3,
}

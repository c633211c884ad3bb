namespace NativeMalloc;

/// <summary>What is known of one of the <see cref="Promises"/>.</summary>
internal enum Promise
{
    Untried,
    Kept,
    Broken,
}

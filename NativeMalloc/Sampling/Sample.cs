namespace NativeMalloc;

/// <summary>
/// A block that is a sample, and in use. A structure that is free has the address 0; the last one of a piece of memory has the address
/// <see cref="Link"/>, and Next is the first of the next piece.
/// </summary>
internal unsafe struct Sample
{
    internal const nuint Link = 1;

    /// <summary>The next that begins on the same page of the page map.</summary>
    internal Sample* Next;
    internal nuint Address;

    /// <summary>As it was asked for.</summary>
    internal nuint Size;

    /// <summary>Blocks that it stands for; it stands for so many times its size in bytes.</summary>
    internal double Objects;
    internal CallStack* Stack;

    /// <summary>The next structure that is free.</summary>
    internal Sample* NextFree;
}

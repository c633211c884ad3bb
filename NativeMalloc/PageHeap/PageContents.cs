namespace NativeMalloc;

/// <summary>What pages hold that come back to the page heap.</summary>
internal enum PageContents
{
    /// <summary>Memory, with something in it for all that is known.</summary>
    Some,

    /// <summary>No memory any more: they read zero.</summary>
    None,

    /// <summary>What they held when they were taken: nobody had them.</summary>
    Same,
}

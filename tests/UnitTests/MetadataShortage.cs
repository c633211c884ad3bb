using System;

namespace NativeMalloc.UnitTests;

/// <summary>Until it is disposed of, there is no memory, not even for the allocator's structures.</summary>
internal sealed unsafe class MetadataShortage : IDisposable
{
    internal MetadataShortage()
    {
        Os.MapsBeforeFailure = 0;
        Os.MapsToFail = int.MaxValue;
        for (nuint bytes = 1 << 18; bytes >= 64; bytes /= 2)
        {
            while (Metadata.Allocate(bytes) != null)
            {
            }
        }
    }

    public void Dispose() => Os.MapsToFail = 0;
}

using System.Collections.Generic;

namespace NativeMalloc;

/// <summary>The front end's slow paths, as far as <see cref="SlowPath"/> needs them: it records what was deferred.</summary>
internal static unsafe class CpuCache
{
    internal static List<nint> Deferred { get; } = [];

    internal static void GiveDeferred(void* block) => Deferred.Add((nint)block);
}

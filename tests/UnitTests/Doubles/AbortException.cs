using System;

namespace NativeMalloc;

/// <summary>What the allocator's abort() is here.</summary>
internal sealed class AbortException : Exception;

namespace NativeMalloc.Inspect;

/// <summary>What was asked for cannot be done; the message is one line that says why, and what to do.</summary>
internal sealed class Refusal(string message) : Exception(message);

namespace NativeMalloc.Inspect;

/// <summary>What was asked for cannot be done; the message is one line that says why, and what to do.</summary>
internal class Refusal(string message) : Exception(message);

/// <summary>Because the user has no right to it.</summary>
internal sealed class NotPermitted(string message) : Refusal(message);

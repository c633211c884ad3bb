namespace NativeMalloc.Inspect;

/// <summary>Something that a process's memory is: its name, how many bytes it is about, and what that means.</summary>
internal sealed record Diagnosis(string Name, double Bytes, string Text);

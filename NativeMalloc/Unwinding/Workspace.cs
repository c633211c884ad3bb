namespace NativeMalloc;

/// <summary>What one walk works with: too much for the caller's stack, which may be of the smallest kind.</summary>
internal unsafe struct Workspace
{
    /// <summary>Its number among the <see cref="Workspaces"/>, and what all of them share.</summary>
    internal int Number;
    internal Workspaces.Shared* Shared;

    /// <summary>All frames so far are this thread's live ones, as tables say, and not words that only look like them.</summary>
    internal bool IsCertain;

    internal Registers Registers;
    internal Registers Caller;
    internal ReadablePages Pages;
    internal NearObjects Objects;
    internal FrameDescription Description;
    internal FrameRules Rules;
    internal FrameRules InitialRules;
    internal fixed ulong Stack[FrameExpression.MostValues];

    // The first of as many rows as a program may remember.
    private FrameRules _remembered;

    internal static nuint Bytes => (nuint)sizeof(Workspace) + (FrameProgram.MostRemembered - 1) * (nuint)sizeof(FrameRules);

    internal static FrameRules* Remembered(Workspace* work, int number) => &work->_remembered + number;
}

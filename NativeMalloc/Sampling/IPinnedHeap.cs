namespace NativeMalloc;

/// <summary>
/// What is asked of a heap to find out which blocks hold memory: of this process's own (<see cref="OwnHeap"/>), or of another's by copies. What is
/// returned may be overwritten by the next answer to the same question.
/// </summary>
internal unsafe interface IPinnedHeap
{
    /// <summary>As <see cref="PageMap.SpanOf"/>.</summary>
    static abstract Span* SpanOf(nuint address);

    /// <summary>A remnant's sets (<see cref="RemnantUnits"/>).</summary>
    static abstract ulong* UnitsOf(Span* remnant);

    /// <summary>As <see cref="PageMap.HugePageOf"/>.</summary>
    static abstract HugePage* HugePageOf(nuint address);

    /// <summary>As <see cref="PageMap.NextHugePage"/>.</summary>
    static abstract HugePage* NextHugePage(ref nuint address);

    /// <summary>From here to <see cref="Leave"/> nothing changes in a small span in which a block is in use.</summary>
    static abstract void Enter(Span* span);

    static abstract void Leave(Span* span);

    /// <summary>From here to <see cref="LeavePages"/> no span comes or goes, and no remnant changes. Not within the above.</summary>
    static abstract void EnterPages();

    static abstract void LeavePages();
}

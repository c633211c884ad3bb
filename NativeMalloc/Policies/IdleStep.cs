namespace NativeMalloc;

/// <summary>
/// How much of the idle pages in spans is given back by who comes along: about a millisecond's work, in which a system call counts as two of
/// the kernel's pages beside those that it is for, and a span that is looked at as a quarter of one.
/// </summary>
internal struct IdleStep
{
    private const int LooksOfPage = 4;
    private const nint PagesOfCall = 2;

    // In looks.
    private nint _left;

    /// <summary>The kernel has refused to take some (mlock does that): there is no more to be done now.</summary>
    internal bool IsRefused;

    /// <summary>Of so many bytes, if no call were needed.</summary>
    internal IdleStep(nuint bytes)
    {
        _left = (nint)(bytes >> KernelPage.Shift) * LooksOfPage;
    }

    internal readonly bool GoesOn => _left > 0 && !IsRefused;

    internal void OnLook() => _left--;

    internal void OnRelease(nuint bytes) => _left -= ((nint)(bytes >> KernelPage.Shift) + PagesOfCall) * LooksOfPage;
}

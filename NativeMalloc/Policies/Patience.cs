namespace NativeMalloc;

/// <summary>
/// How long memory lies idle before the kernel gets it back: a period, at first. Where most of what went is wanted again before as long a time
/// has passed as it had waited, it went too soon, and the next waits twice as long. Where that does not happen, the wait is halved by and by.
/// </summary>
internal struct Patience
{
    /// <summary>The longest wait is this power of two, in periods: 16 s by default.</summary>
    internal const int MostDoublings = 6;

    private const int LongestWait = 1 << MostDoublings;

    /// <summary>So many waits without regret halve the next.</summary>
    internal const int CalmWaits = 8;

    // Pages that went at the end of the last wait and the one before, as far as they were not wanted again, and those that were since.
    private uint _went;
    private uint _wentBefore;
    private uint _again;
    private ushort _periods;
    private byte _doublings;
    private byte _calm;

    /// <summary>Periods.</summary>
    internal readonly int Wait => 1 << _doublings;

    internal void OnReleased(uint pages) => _went += pages;

    /// <summary>Some that went are wanted, lately or long ago.</summary>
    internal void OnWantedAgain(uint pages)
    {
        uint lately = _went + _wentBefore - _again;
        _again += pages < lately ? pages : lately;
    }

    /// <summary>So many periods have ended; true if a wait has passed with them, so that what lay idle since the last one should go.</summary>
    internal bool EndPeriods(int ended)
    {
        _periods += (ushort)(ended < LongestWait ? ended : LongestWait);
        if (_periods < Wait)
        {
            return false;
        }

        if (_again > (_went + _wentBefore) / 2)
        {
            _doublings += _doublings < MostDoublings ? (byte)1 : (byte)0;
            _calm = 0;
            _went = 0;
        }
        else if (_doublings > 0 && ++_calm == CalmWaits)
        {
            _doublings--;
            _calm = 0;
        }

        _wentBefore = _went > _again ? _went - _again : 0;
        _periods = 0;
        _went = 0;
        _again = 0;
        return true;
    }
}

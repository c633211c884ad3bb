namespace NativeMalloc;

/// <summary>
/// The one notion of time of all that ages: periods of NATIVEMALLOC_RELEASE_DELAY. Who has not been used for a whole period is idle, and after a
/// gap of many periods, in which nobody came by to end one, many have ended.
/// </summary>
internal static class Periods
{
    /// <summary>
    /// How many periods of so many milliseconds have ended since one began; at most what fits. None, if another thread has begun it just now; one, if the
    /// clock went back by more, as in a process that was restored on another machine: the next begins now.
    /// </summary>
    internal static int Ended(long begin, long now, long length)
    {
        long since = now - begin;
        if (since < length && since >= -length)
        {
            return 0;
        }

        long periods = since / (length > 0 ? length : 1);
        return periods < 1 ? 1 : periods < int.MaxValue ? (int)periods : int.MaxValue; // of no length: one at each look
    }
}

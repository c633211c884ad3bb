namespace NativeMalloc;

/// <summary>
/// The one notion of time of all that ages: periods of NATIVEMALLOC_RELEASE_DELAY. Who has not been used for a whole period is idle, and after a
/// gap of many periods, in which nobody came by to end one, many have ended.
/// </summary>
internal static class Periods
{
    /// <summary>How many periods of so many milliseconds have ended since one began; at most what fits.</summary>
    internal static int Ended(long begin, long now, long length)
    {
        long since = now - begin;
        if (since < length)
        {
            return 0;
        }

        long periods = since / (length > 0 ? length : 1);
        return periods < 1 ? 1 : periods < int.MaxValue ? (int)periods : int.MaxValue; // of no length: one at each look
    }
}

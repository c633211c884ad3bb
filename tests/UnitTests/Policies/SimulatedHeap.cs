using System;
using System.Collections.Generic;

namespace NativeMalloc.UnitTests;

/// <summary>
/// The rules together, over numbers only: a heap whose pages all serve for all, that is looked at as the library's is, and asks the rules what the
/// library asks them.
/// </summary>
internal sealed class SimulatedHeap
{
    internal const long Period = 250;

    private const nint NoLimit = int.MaxValue;

    private readonly List<(long Time, nint Pages)> _used = [(0, 0)];
    private readonly Queue<(long Time, nint Pages)> _gone = [];
    private ReleasePolicy _release;
    private long _periodStart;
    private int _fallsInPeriod;

    internal Occupancy Occupancy = Occupancy.Begin();

    internal long Now { get; private set; }

    /// <summary>Pages in use, and those that lie free and hold memory.</summary>
    internal nint Used { get; private set; }
    internal nint Free { get; private set; }

    /// <summary>Pages that were wanted again within a period after they had gone.</summary>
    internal nint Thrashed { get; private set; }

    /// <summary>The most falls that emptied the caches in one period.</summary>
    internal int MostFalls { get; private set; }

    /// <summary>The most pages in use at any time since so many milliseconds ago.</summary>
    internal nint MostUsedSince(long ago)
    {
        nint most = Used;
        for (int i = _used.Count - 1; i >= 0; i--)
        {
            most = Math.Max(most, _used[i].Pages);
            if (_used[i].Time < Now - ago)
            {
                break;
            }
        }

        return most;
    }

    /// <summary>Time goes by; whoever is busy meanwhile looks at the clock, who sleeps does so at the end only.</summary>
    internal void PassTo(long milliseconds, bool busy)
    {
        while (busy && Now + Period < milliseconds)
        {
            Now += Period;
            Look();
        }

        Now = Math.Max(Now, milliseconds);
        Look();
    }

    /// <summary>So many bytes are in use now.</summary>
    internal void Use(long smallBytes, long largeBytes)
    {
        nint wanted = (nint)((smallBytes + largeBytes) >> PageMap.PageShift);
        if (wanted > Used)
        {
            Take(wanted - Used);
        }
        else if (wanted < Used)
        {
            Give(Used - wanted);
        }

        _used.Add((Now, Used));
        if (Occupancy.FallsWith((nuint)smallBytes))
        {
            MostFalls = Math.Max(MostFalls, ++_fallsInPeriod);
        }
    }

    private void Take(nint pages)
    {
        nint fresh = Math.Max(0, pages - Free);
        Used += pages;
        Free -= pages - fresh;
        _release.OnTaken(Free, fresh);
        while (_gone.TryPeek(out (long Time, nint Pages) oldest) && oldest.Time < Now - Period)
        {
            _gone.Dequeue();
        }

        while (fresh > 0 && _gone.TryDequeue(out (long Time, nint Pages) gone))
        {
            Thrashed += Math.Min(fresh, gone.Pages);
            fresh -= gone.Pages;
        }
    }

    private void Give(nint pages)
    {
        Used -= pages;
        Free += pages;
        _release.OnGiven(Free);
        Release();
    }

    private void Look()
    {
        int ended = Periods.Ended(_periodStart, Now, Period);
        if (ended == 0)
        {
            return;
        }

        _periodStart = Now;
        _fallsInPeriod = 0;
        Occupancy.EndPeriods(ended);
        _release.EndPeriods(ended, Free, 100);
        Release();
    }

    private void Release()
    {
        nint due = _release.Due(Used, Free, NoLimit);
        if (due > 0)
        {
            Free -= due;
            _release.OnReleased(due);
            _gone.Enqueue((Now, due));
        }
    }
}

using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed class PatienceTests
{
    private Patience _patience;

    [Fact]
    public void WhatIsNotWantedAgainWaitsAPeriod()
    {
        for (int period = 0; period < 100; period++)
        {
            Assert.True(_patience.EndPeriods(1));
            _patience.OnReleased(1000);
            _patience.OnWantedAgain(400);
        }

        Assert.Equal(1, _patience.Wait);
    }

    [Fact]
    public void WhatIsWantedAgainWaitsTwiceAsLongEachTime()
    {
        _patience.EndPeriods(1);
        for (int doublings = 0; doublings <= Patience.MostDoublings; doublings++)
        {
            Assert.Equal(1 << doublings, _patience.Wait);
            _patience.OnReleased(1000);
            _patience.OnWantedAgain(1000);
            PeriodsUntilDue();
        }

        PeriodsUntilDue();
        Assert.Equal(1 << Patience.MostDoublings, _patience.Wait); // and no longer
    }

    // What was released long ago and is wanted only now was rightly released.
    [Fact]
    public void WhatIsWantedLaterThanItHadWaitedIsNoRegret()
    {
        _patience.EndPeriods(1);
        _patience.OnReleased(1000);
        _patience.EndPeriods(1);
        _patience.EndPeriods(1);
        _patience.OnWantedAgain(1000);
        _patience.EndPeriods(1);
        Assert.Equal(1, _patience.Wait);
    }

    // As much as went by now, or it would look like regret for the little that goes later.
    [Fact]
    public void WhatWentLongAgoIsNotTakenForWhatWentLately()
    {
        for (int period = 0; period < 100; period++)
        {
            _patience.EndPeriods(1);
            _patience.OnWantedAgain(5000);
            _patience.OnReleased(1);
        }

        Assert.Equal(1, _patience.Wait);
    }

    [Fact]
    public void RegretIsForgottenByAndBy()
    {
        for (int i = 0; i < 3; i++)
        {
            PeriodsUntilDue();
            _patience.OnReleased(10);
            _patience.OnWantedAgain(6);
        }

        PeriodsUntilDue();
        foreach (int wait in (int[])[8, 4, 2])
        {
            Assert.Equal(Enumerable.Repeat(wait, Patience.CalmWaits), Enumerable.Range(0, Patience.CalmWaits).Select(_ => PeriodsUntilDue()));
        }

        Assert.Equal(1, _patience.Wait);
    }

    // A heap that is idle for some periods, again and again: where they are few it is released once in a while, else each time.
    [Theory]
    [InlineData(2, 1, 50)]
    [InlineData(3, 1, 50)]
    [InlineData(12, 200, 200)]
    [InlineData(30, 200, 200)]
    public void AHeapThatComesAgainSoonIsSeldomReleased(int gap, int least, int most)
    {
        const int Rounds = 200;
        int releases = 0;
        for (int round = 0; round < Rounds; round++)
        {
            bool held = true;
            int looks = 0;
            for (int period = 0; period < gap; period++)
            {
                if (_patience.EndPeriods(1) && held && ++looks == 2) // of which the first finds that it was used
                {
                    _patience.OnReleased(1000);
                    releases++;
                    held = false;
                }
            }

            _patience.OnWantedAgain(held ? 0u : 1000);
        }

        Assert.InRange(releases, least, most);
    }

    // After a gap in which nobody came by.
    [Fact]
    public void ManyPeriodsAreManyAtOnce()
    {
        for (int i = 0; i < 3; i++)
        {
            PeriodsUntilDue();
            _patience.OnReleased(10);
            _patience.OnWantedAgain(10);
        }

        PeriodsUntilDue();
        Assert.Equal(8, _patience.Wait);
        Assert.False(_patience.EndPeriods(3));
        Assert.True(_patience.EndPeriods(5));
        Assert.False(_patience.EndPeriods(7));
        Assert.True(_patience.EndPeriods(int.MaxValue));
        Assert.False(_patience.EndPeriods(1)); // they count no more
    }

    private int PeriodsUntilDue()
    {
        int periods = 1;
        while (!_patience.EndPeriods(1))
        {
            periods++;
        }

        return periods;
    }
}

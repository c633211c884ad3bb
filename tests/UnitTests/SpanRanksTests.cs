using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class SpanRanksTests
{
    private const int Spans = 40;

    [Theory]
    [InlineData(512)]
    [InlineData(8)]
    [InlineData(5)]
    [InlineData(1)]
    public void RanksGrowWithTheShareThatIsOut(int objects)
    {
        Span span = new() { Objects = (ushort)objects };
        int previous = SpanRanks.RankOf(&span);
        Assert.Equal(0, previous);
        for (int taken = 1; taken < objects; taken++)
        {
            span.Out = (ushort)taken;
            Assert.InRange(SpanRanks.RankOf(&span), previous, SpanRanks.Ranks - 1);
            previous = SpanRanks.RankOf(&span);
        }

        span.Out = (ushort)objects;
        Assert.Equal(SpanRanks.Exhausted, SpanRanks.RankOf(&span));
    }

    [Theory]
    [InlineData(1, 512)]
    [InlineData(2, 32)]
    [InlineData(3, 1)]
    public void TheFullestComesFirst(int seed, int objects)
    {
        Random random = new(seed);
        Span* spans = (Span*)NativeMemory.AllocZeroed(Spans, (nuint)sizeof(Span));
        bool[] entered = new bool[Spans];
        SpanRanks ranks = default;
        for (int step = 0; step < 20_000; step++)
        {
            int index = random.Next(Spans);
            Span* span = spans + index;
            if (!entered[index])
            {
                span->Objects = (ushort)objects;
                span->Out = (ushort)random.Next(objects + 1);
                ranks.Add(span);
                entered[index] = true;
            }
            else if (random.Next(3) == 0)
            {
                ranks.Remove(span);
                entered[index] = false;
            }
            else
            {
                span->Out = (ushort)random.Next(objects + 1);
                ranks.Update(span);
            }

            if (step % 100 == 0)
            {
                ranks.BeginLook();
            }
            else if (random.Next(4) == 0 && ranks.NextToLook() is var looked && looked != null)
            {
                Assert.True(entered[(int)(looked - spans)], $"seed {seed}, step {step}");
                if (SpanRanks.Quieten(looked))
                {
                    ranks.Withdraw(looked);
                    ranks.Settle(looked);
                }
            }

            int expected = Enumerable.Range(0, Spans).Where(i => entered[i]).Select(i => SpanRanks.RankOf(spans + i))
                .Where(rank => rank != SpanRanks.Exhausted).DefaultIfEmpty(-1).Max();
            Span* fullest = ranks.Fullest();
            int actual = fullest == null ? -1 : SpanRanks.RankOf(fullest);
            if (expected != actual || (fullest != null && !entered[(int)(fullest - spans)]))
            {
                Assert.Fail($"seed {seed}, step {step}: a span of rank {actual} came instead of one of rank {expected}");
            }
        }

        NativeMemory.Free(spans);
    }

    [Fact]
    public void ALookComesToAllThatAreNotSettledOnceTheEmptiestFirst()
    {
        const int Objects = 16;
        Span* spans = NewSpans(6, Objects);
        SpanRanks ranks = default;
        int[] taken = [9, 1, 3, 16, 12, 2]; // the fourth is in no list
        for (int i = 0; i < taken.Length; i++)
        {
            spans[i].Out = (ushort)taken[i];
            ranks.Add(spans + i);
        }

        Assert.True(ranks.NextToLook() == null); // none has begun
        ranks.BeginLook();
        Assert.Equal([1, 5, 2, 0, 4], Look(ref ranks, spans));
        Assert.True(ranks.NextToLook() == null);

        // What was used since is not quiet, whether an object came or went.
        spans[4].Out--;
        Assert.True(spans[4].Out < spans[4].LeastOut);
        ranks.Remove(spans + 4);
        ranks.Add(spans + 4);
        spans[2].Out++;
        ranks.Update(spans + 2);
        ranks.BeginLook();
        foreach (int expected in (int[])[1, 5, 2, 0, 4])
        {
            Span* span = ranks.NextToLook();
            Assert.Equal(expected, (int)(span - spans));
            Assert.Equal(expected is not (2 or 4), SpanRanks.Quieten(span));
            if (expected == 0)
            {
                ranks.Withdraw(span);
                Assert.False(span->Out < span->LeastOut); // and stays where it is
                ranks.Settle(span);
            }
        }

        Assert.True(ranks.NextToLook() == null);
        ranks.BeginLook();
        Assert.Equal([1, 5, 2, 4], Look(ref ranks, spans));
        NativeMemory.Free(spans);
    }

    // As when another thread takes or gives between two steps.
    [Fact]
    public void ALookGoesOnWhereTheNextSpanHasMoved()
    {
        Span* spans = NewSpans(3, 16);
        SpanRanks ranks = default;
        for (int i = 0; i < 3; i++)
        {
            spans[i].Out = 8;
            ranks.Add(spans + i);
        }

        ranks.BeginLook();
        Assert.Equal(2, (int)(ranks.NextToLook() - spans));
        ranks.Remove(spans + 1);
        ranks.BeginLook(); // changes nothing
        Assert.Equal(0, (int)(ranks.NextToLook() - spans));
        Assert.True(ranks.NextToLook() == null);
        ranks.BeginLook();
        ranks.NextToLook();
        ranks.BeginLook(anew: true);
        Assert.Equal([2, 0], Look(ref ranks, spans));
        NativeMemory.Free(spans);
    }

    // They may have holes.
    [Fact]
    public void OfARankTheSettledComeLast()
    {
        Span* spans = NewSpans(3, 16);
        SpanRanks ranks = default;
        for (int i = 0; i < 3; i++)
        {
            spans[i].Out = (ushort)(i == 2 ? 2 : 8);
            ranks.Add(spans + i);
        }

        ranks.Withdraw(spans + 1);
        ranks.Settle(spans + 1);
        Assert.Equal(0, (int)(ranks.Fullest() - spans));
        ranks.Remove(spans);
        Assert.Equal(1, (int)(ranks.Fullest() - spans));
        Assert.Equal(2, (int)(ranks.Emptiest(SpanRanks.Ranks) - spans));
        Assert.True(ranks.Emptiest(1) == null);
        NativeMemory.Free(spans);
    }

    private static int[] Look(ref SpanRanks ranks, Span* spans)
    {
        List<int> looked = [];
        for (Span* span; (span = ranks.NextToLook()) != null;)
        {
            SpanRanks.Quieten(span);
            looked.Add((int)(span - spans));
        }

        return [.. looked];
    }

    private static Span* NewSpans(int count, int objects)
    {
        Span* spans = (Span*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(Span));
        for (int i = 0; i < count; i++)
        {
            spans[i].Objects = (ushort)objects;
        }

        return spans;
    }
}

using System;
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
}

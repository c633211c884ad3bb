using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class SpanTests
{
    private static readonly nuint s_start = unchecked((nuint)0x1234_0000_0000);

    public static TheoryData<int> SomeClasses => [1, 2, 8, 9, 40, 70, SizeClasses.Count - 1];

    [Fact]
    public void HandsOutEveryObjectOnceLowestFirst()
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            Span span = NewSpan(sizeClass);
            List<nuint> taken = [];
            for (int count = 1; Take(ref span, count) is { Length: > 0 } objects; count = count % 37 + 1)
            {
                taken.AddRange(objects);
            }

            Assert.Equal(ObjectsOf(sizeClass), taken);
            Assert.Equal(taken.Count, span.Out);
        }
    }

    [Theory]
    [MemberData(nameof(SomeClasses))]
    public void BehavesAsASortedSetOfObjects(int sizeClass)
    {
        Random random = new(sizeClass);
        Span span = NewSpan((nuint)sizeClass);
        SortedSet<nuint> here = [.. ObjectsOf((nuint)sizeClass)];
        List<nuint> gone = [];
        for (int step = 0; step < 5000; step++)
        {
            if (random.Next(2) == 0)
            {
                nuint[] expected = [.. here.Take(random.Next(1, 33))];
                nuint[] taken = Take(ref span, Math.Max(expected.Length, 1));
                if (!expected.SequenceEqual(taken))
                {
                    Assert.Fail($"seed {sizeClass}, step {step}: [{string.Join(' ', taken)}] instead of [{string.Join(' ', expected)}]");
                }

                here.ExceptWith(taken);
                gone.AddRange(taken);
            }
            else
            {
                for (int count = random.Next(33); count > 0 && gone.Count > 0; count--)
                {
                    int index = random.Next(gone.Count);
                    Assert.True(GiveObject(ref span, gone[index]), $"seed {sizeClass}, step {step}");
                    here.Add(gone[index]);
                    gone.RemoveAt(index);
                }
            }

            Assert.Equal(gone.Count, span.Out);
        }
    }

    [Theory]
    [MemberData(nameof(SomeClasses))]
    public void RefusesWhatIsHereAlready(int sizeClass)
    {
        Span span = NewSpan((nuint)sizeClass);
        Assert.False(GiveObject(ref span, s_start));
        nuint taken = Take(ref span, 1)[0];
        Assert.True(GiveObject(ref span, taken));
        Assert.False(GiveObject(ref span, taken));
        Assert.Equal(0, span.Out);
    }

    [Theory]
    [MemberData(nameof(SomeClasses))]
    public void RefusesWhatIsNoObject(int sizeClass)
    {
        Span span = NewSpan((nuint)sizeClass);
        nuint[] taken = Take(ref span, SizeClasses.MaxObjectsPerSpan);
        nuint end = taken[^1] + SizeClasses.Size((nuint)sizeClass);
        Assert.All(taken, start => Assert.False(GiveObject(ref span, start + 1)));
        Assert.All(taken, start => Assert.False(GiveObject(ref span, start + SizeClasses.Size((nuint)sizeClass) - 1)));
        Assert.All(taken, start => Assert.False(GiveObject(ref span, start + SizeClasses.Size((nuint)sizeClass) / 2)));
        Assert.False(GiveObject(ref span, end)); // the tail
        Assert.False(GiveObject(ref span, s_start - 16));
        Assert.Equal(taken.Length, span.Out);
    }

    private static bool GiveObject(ref Span span, nuint address) =>
        span.TryGive(address - span.Start, SizeClasses.Size(span.SizeClass), SizeClasses.Reciprocal(span.SizeClass));

    private static nuint[] Take(ref Span span, int count)
    {
        void** objects = stackalloc void*[SizeClasses.MaxObjectsPerSpan];
        int taken = span.TakeObjects(objects, count);
        nuint[] result = new nuint[taken];
        for (int i = 0; i < taken; i++)
        {
            result[i] = (nuint)objects[i];
        }

        return result;
    }

    private static Span NewSpan(nuint sizeClass)
    {
        Span span = new() { Start = s_start, Pages = SizeClasses.PagesPerSpan(sizeClass), SizeClass = (byte)sizeClass };
        span.PrepareObjects();
        return span;
    }

    private static IEnumerable<nuint> ObjectsOf(nuint sizeClass) =>
        Enumerable.Range(0, SizeClasses.ObjectsPerSpan(sizeClass)).Select(i => s_start + (nuint)i * SizeClasses.Size(sizeClass));
}

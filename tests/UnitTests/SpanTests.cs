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

    // An object that came back holds what its owner wrote; the others are as the span was.
    [Fact]
    public void ObjectsOfTheLargeClassesAreKnownToBeFirstUsedUntilTheyComeBack()
    {
        for (nuint sizeClass = SizeClasses.OfCoarse(SizeClasses.MaxFineSize + 1); sizeClass < SizeClasses.Count; sizeClass++)
        {
            Span span = NewSpan(sizeClass);
            nuint[] objects = Take(ref span, SizeClasses.ObjectsPerSpan(sizeClass));
            Assert.All(objects, address => Assert.True(span.IsFirstUse(address)));
            foreach (nuint address in objects)
            {
                Assert.True(span.TryGive(address - span.Start, SizeClasses.Size(sizeClass), SizeClasses.Reciprocal(sizeClass)));
                Assert.Equal([address], Take(ref span, 1));
                Assert.Equal(objects.Where(other => other > address), objects.Where(other => span.IsFirstUse(other)));
            }
        }
    }

    // Neighbours come back together.
    [Fact]
    public void NeighboursThatCameBackAreNotFirstUsed()
    {
        nuint sizeClass = SizeClasses.OfFine(1024);
        Span span = NewSpan(sizeClass);
        nuint[] objects = Take(ref span, 4);
        fixed (nuint* first = &objects[1])
        {
            Assert.Equal(2, span.GiveNeighbours((void**)first, 2));
        }

        Assert.Equal([true, false, false, true], objects.Select(address => span.IsFirstUse(address)));
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
            int action = random.Next(3);
            if (action == 0)
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
            else if (action == 1 && gone.Count > 1)
            {
                gone.Sort();
                int first = random.Next(gone.Count - 1);
                nuint[] objects = [.. gone.Skip(first).Take(random.Next(2, 34))];
                objects = random.Next(2) == 0 ? objects : [.. objects.Reverse()];
                int expected = NeighboursIn(objects, sizeClass);
                Assert.True(expected == GiveNeighbours(ref span, objects), $"seed {sizeClass}, step {step}");
                here.UnionWith(objects[..expected]);
                gone.RemoveAll(here.Contains);
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

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(40)]
    public void NeighboursAreRefusedTogether(int sizeClass)
    {
        Span span = NewSpan((nuint)sizeClass);
        nuint[] taken = Take(ref span, 8);
        nuint[] beyond = [.. taken.Select(start => start + 16)];
        Assert.Equal(0, GiveNeighbours(ref span, beyond));
        Assert.True(GiveObject(ref span, taken[^1]));
        Assert.Equal(0, GiveNeighbours(ref span, taken));
        Assert.Equal(taken.Length - 1, span.Out);
    }

    // How many of the first are neighbours in turn whose bits are in one word.
    private static int NeighboursIn(nuint[] objects, int sizeClass)
    {
        nuint size = SizeClasses.Size((nuint)sizeClass);
        long step = objects[1] > objects[0] ? (long)size : -(long)size;
        return Enumerable.Range(0, objects.Length)
            .TakeWhile(i => objects[i] == objects[0] + (nuint)(i * step) && (objects[i] - s_start) / size / 64 == (objects[0] - s_start) / size / 64)
            .Count();
    }

    private static nint GiveNeighbours(ref Span span, nuint[] objects)
    {
        fixed (nuint* first = objects)
        {
            return span.GiveNeighbours((void**)first, objects.Length);
        }
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

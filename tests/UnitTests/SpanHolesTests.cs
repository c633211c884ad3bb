using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Which pages of a span lie idle, and what becomes of those that are holes when objects are taken.</summary>
public sealed unsafe class SpanHolesTests
{
    private const int Most = 64;
    private static readonly nuint s_start = unchecked((nuint)0x1234_0000_0000);

    public static TheoryData<int> ClassesWithHoles =>
        [.. Enumerable.Range(1, SizeClasses.Count - 1).Where(one => SizeClasses.ObjectsPerSpan((nuint)one) <= Most)];

    [Fact]
    public void NearlyAllClassesFrom128BytesOnHaveThem() =>
        Assert.All(Enumerable.Range(1, SizeClasses.Count - 1).Where(one => SizeClasses.Size((nuint)one) >= 256), one => Assert.Contains(one, ClassesWithHoles));

    [Theory]
    [MemberData(nameof(ClassesWithHoles))]
    public void UnitsAreIdleThatNoObjectLiesOnWhichIsOut(int sizeClass)
    {
        Random random = new(sizeClass);
        Span span = NewSpan((nuint)sizeClass);
        int units = (int)(span.Bytes >> KernelPage.Shift);
        Assert.InRange(units, 2, Most);
        Assert.Equal(units == Most ? ulong.MaxValue : (1UL << units) - 1, span.IdleUnits()); // all of a span that is whole
        for (int round = 0; round < 20; round++)
        {
            HashSet<nuint> gone = [.. Take(ref span, Most)];
            foreach (nuint back in gone.Where(_ => random.Next(10) < round % 11).ToArray())
            {
                Give(ref span, back);
                gone.Remove(back);
            }

            for (int unit = 0; unit < units; unit++)
            {
                Assert.Equal(!gone.Any(address => LiesOn(ref span, address, unit)), (span.IdleUnits() >> unit & 1) != 0);
            }

            Assert.Equal(0ul, units == Most ? 0 : span.IdleUnits() >> units);
            foreach (nuint back in gone)
            {
                Give(ref span, back);
            }
        }
    }

    [Theory]
    [MemberData(nameof(ClassesWithHoles))]
    public void ObjectsOnHolesComeLastAndEndThem(int sizeClass)
    {
        Random random = new(sizeClass);
        for (int round = 0; round < 20; round++)
        {
            Span span = NewSpan((nuint)sizeClass);
            HashSet<nuint> here = [.. Take(ref span, Most).Where(_ => random.Next(4) > 0)];
            foreach (nuint back in here)
            {
                Give(ref span, back);
            }

            ulong holes = span.IdleUnits() & (ulong)random.NextInt64();
            span.AddHoles(holes);
            Assert.Equal(holes, span.Holes);
            Assert.Equal(0ul, span.IdleUnits() & holes); // these have gone
            for (int count = 1; here.Count > 0; count = random.Next(1, 5))
            {
                nuint[] expected = [.. here.OrderBy(address => IsOn(ref span, address, span.Holes)).ThenBy(address => address).Take(count)];
                Assert.Equal(expected, Take(ref span, count));
                here.ExceptWith(expected);
                for (int unit = 0; unit < Most; unit++)
                {
                    holes &= expected.Any(address => LiesOn(ref span, address, unit)) ? ~(1UL << unit) : ulong.MaxValue;
                }

                Assert.Equal(holes, span.Holes);
            }

            Assert.Equal(span.Objects, span.Out);
        }
    }

    [Fact]
    public void SpansOfManyObjectsHaveNone()
    {
        Span span = NewSpan(1);
        Assert.Equal((0ul, 0ul), (span.IdleUnits(), span.Holes)); // though its bitmap has bits
        Assert.Equal(0u, span.HolePages());
    }

    // Two of the kernel's pages are one of ours.
    [Fact]
    public void APageIsHoleIfAllOfItIs()
    {
        Span span = NewSpan(SizeClasses.Of(32 << 10));
        Assert.True(span.Pages >= 4);
        span.AddHoles(0b1011_0110);
        Assert.Equal(0b0100u, span.HolePages() & 0b1101);
        Assert.False(span.IsHole(0));
        span.AddHoles(0b0000_1000);
        Assert.Equal(0b10u, span.HolePages() & 0b10);
        nuint page = 0;
        Assert.Equal((1, false), ((int)span.NextAlike(ref page, out bool hole), hole));
        Assert.Equal((2, true), ((int)span.NextAlike(ref page, out hole), hole));
        Assert.Equal((1, false), ((int)span.NextAlike(ref page, out hole), hole));
        Assert.Equal((nuint)4, page);
    }

    private static bool IsOn(ref Span span, nuint address, ulong units)
    {
        for (int unit = 0; unit < Most; unit++)
        {
            if ((units >> unit & 1) != 0 && LiesOn(ref span, address, unit))
            {
                return true;
            }
        }

        return false;
    }

    private static bool LiesOn(ref Span span, nuint address, int unit)
    {
        nuint bytes = (nuint)1 << KernelPage.Shift;
        nuint start = span.Start + (nuint)unit * bytes;
        return address < start + bytes && start < address + SizeClasses.Size(span.SizeClass);
    }

    private static void Give(ref Span span, nuint address) =>
        Assert.True(span.TryGive(address - span.Start, SizeClasses.Size(span.SizeClass), SizeClasses.Reciprocal(span.SizeClass)));

    private static nuint[] Take(ref Span span, int count)
    {
        nuint* objects = stackalloc nuint[SizeClasses.MaxObjectsPerSpan];
        return new Span<nuint>(objects, span.TakeObjects((void**)objects, count)).ToArray();
    }

    private static Span NewSpan(nuint sizeClass)
    {
        Span span = new() { Start = s_start, Pages = SizeClasses.PagesPerSpan(sizeClass), SizeClass = (byte)sizeClass };
        span.PrepareObjects();
        return span;
    }
}

using System;
using System.Runtime.InteropServices;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Statistics of counts that need not agree, as they are where the heap changes while it is read.</summary>
public sealed unsafe class HeapStatisticsTests
{
    private static readonly Random s_random = new(1);
    private static readonly TransferCounts[] s_transfer = new TransferCounts[SizeClasses.Count];
    private static readonly CentralCounts[] s_central = new CentralCounts[SizeClasses.Count];
    private static readonly PageCounts* s_pages = (PageCounts*)NativeMemory.AllocZeroed((nuint)sizeof(PageCounts));
    private static readonly MetadataState* s_metadata = (MetadataState*)NativeMemory.AllocZeroed((nuint)sizeof(MetadataState));
    private static nuint s_remnants, s_usedInRemnants, s_largeCached, s_largeWaste;
    private static long s_allocated;

    private readonly struct Counts : IHeapCounts
    {
        public static nuint RemnantBytes => s_remnants;

        public static nuint UsedInRemnants => s_usedInRemnants;

        public static PageCounts* Pages => s_pages;

        public static nuint LargeCached => s_largeCached;

        public static nuint LargeWaste => s_largeWaste;

        public static long AllocatedWithoutSlab => s_allocated;

        public static MetadataState* Metadata => s_metadata;

        public static Slab* NextSlab(Slab* slab) => null;

        public static TransferCounts TransferOf(nuint sizeClass) => s_transfer[sizeClass];

        public static CentralCounts CentralOf(nuint sizeClass) => s_central[sizeClass];
    }

    // Two spans of a class, a remnant, and 300 pages of large blocks, of which 40 are cached; 100 pages have memory and are free.
    public HeapStatisticsTests()
    {
        Array.Clear(s_transfer);
        Array.Clear(s_central);
        const nuint Class = 5;
        s_central[Class] = new CentralCounts { Spans = 2, Out = SizeClasses.ObjectsPerSpan(Class) + 30, HoleBytes = 4096 };
        s_transfer[Class] = new TransferCounts { Objects = 20 };
        (s_remnants, s_usedInRemnants) = (PageMap.PageSize, 1600);
        nint small = 2 * (nint)SizeClasses.PagesPerSpan(Class) + 1;
        *s_pages = new PageCounts { Used = small + 300, Released = 500, Mapped = small + 300 + 500 + 100 };
        (s_largeCached, s_largeWaste) = (40 << PageMap.PageShift, 777);
        s_metadata->MappedBytes = 1 << 20;
        s_metadata->TouchedBytes = 12345;
    }

    private static nuint Sum(HeapStatistics all) =>
        all.InUse + all.FrontEnd + all.Transfer + all.Central + all.SpanTails + all.Free + all.Released + all.Metadata;

    [Fact]
    public void CountsThatAgreeAreNotMended()
    {
        HeapStatistics all = HeapStatistics.Gather<Counts>();
        nuint size = SizeClasses.Size(5);
        Assert.Equal((nuint)0, all.Mended);
        Assert.Equal(all.Mapped, Sum(all));
        Assert.Equal(((nuint)SizeClasses.ObjectsPerSpan(5) + 10) * size + 1600 + (260 << PageMap.PageShift), all.InUse);
        Assert.Equal(((nuint)260 << PageMap.PageShift, (nuint)777, 20 * size), (all.InUseLarge, all.InternalWaste, all.Transfer));
        Assert.Equal(((nuint)140 << PageMap.PageShift, ((nuint)500 << PageMap.PageShift) + 4096), (all.Free, all.Released));
        Assert.Equal(all.FrontEnd + all.Transfer + all.Central + all.SpanTails + all.Free, all.Idle);
    }

    [Fact]
    public void WhatIsMissingIsMended()
    {
        s_transfer[5].Objects = -3;
        Assert.Equal(3 * SizeClasses.Size(5), HeapStatistics.Gather<Counts>().Mended);
        s_transfer[5].Objects = 0;
        s_pages->Mapped -= 101;
        Assert.Equal(PageMap.PageSize, HeapStatistics.Gather<Counts>().Mended);
    }

    [Fact]
    public void PartsAddUpWhateverIsRead()
    {
        int mended = 0;
        for (int i = 0; i < 3000; i++)
        {
            for (int sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
            {
                s_central[sizeClass] = new CentralCounts { Spans = s_random.Next(5), Out = s_random.Next(-100, 3000), HoleBytes = (nuint)s_random.Next(200_000) };
                s_transfer[sizeClass].Objects = s_random.Next(-10, 3000);
            }

            *s_pages = new PageCounts { Used = s_random.Next(3000), Released = s_random.Next(3000), Mapped = s_random.Next(9000) };
            (s_remnants, s_usedInRemnants, s_largeCached) = ((nuint)s_random.Next(1 << 20), (nuint)s_random.Next(1 << 20), (nuint)s_random.Next(1 << 24));
            HeapStatistics all = HeapStatistics.Gather<Counts>();
            Assert.Equal(all.Mapped, Sum(all));
            Assert.All(new[] { all.InUse, all.Transfer, all.Central, all.SpanTails, all.Free, all.Released }, part => Assert.InRange(part, (nuint)0, all.Mapped));
            mended += all.Mended > 0 ? 1 : 0;
        }

        Assert.True(mended > 2900);
    }
}

using System;
using System.Runtime.InteropServices;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class PageHeapRandomTests : AllocatorTest, IDisposable
{
    // Of each of the four; tests/soak.sh sets more.
    private static readonly int s_operations = int.Parse(Environment.GetEnvironmentVariable("NATIVEMALLOC_TEST_OPERATIONS") ?? "40000");

    private readonly PageHeap* _heap = (PageHeap*)NativeMemory.AllocZeroed((nuint)sizeof(PageHeap));

    public void Dispose()
    {
        _heap->Release(nuint.MaxValue);
        NativeMemory.Free(_heap);
    }

    [Theory]
    [InlineData(1, 2_000, false)]
    [InlineData(2, 4_000, false)]
    [InlineData(3, 4_000, true)]
    [InlineData(4, 12_000, false)]
    public void AgreesWithTheModel(int seed, int mostPages, bool misaligned)
    {
        Random random = new(seed);
        PageHeapModel model = new(_heap);
        Os.Space.Misaligned = misaligned;
        for (int step = 0; step < s_operations; step++)
        {
            model.Where = $"seed {seed}, step {step}";
            Os.RefuseRelease = step / 5000 % 3 == 2;
            Step(model, random, step / 2500 % 2 == 0 ? mostPages : mostPages / 4);
            if (step % 500 == 0)
            {
                model.AssertTrackers();
            }
        }

        Assert.True(model.ZeroPages > s_operations / 100, "too few pages read zero to have shown anything");
        model.GiveAll();
        model.AssertTrackers();
        Os.RefuseRelease = false;
        model.Release(nuint.MaxValue);
        Assert.Equal((_heap->MappedBytes, (nuint)0), (_heap->ReleasedBytes, _heap->FreeBytes));
    }

    private static void Step(PageHeapModel model, Random random, int mostPages)
    {
        if (model.Spans == 0 || (model.UsedPages < mostPages && random.Next(100) < 55))
        {
            int mapsToFail = random.Next(20) == 0 ? random.Next(1, 4) : 0;
            Os.MapsToFail = mapsToFail;
            Os.MapsBeforeFailure = random.Next(3);
            nuint alignment = random.Next(15) == 0 ? PageMap.PageSize << random.Next(1, 11) : PageMap.PageSize;
            nuint pages = RandomPages(random);
            Span* span = model.Take(pages, alignment);
            bool excused = Os.MapsToFail < mapsToFail;
            Os.MapsToFail = 0;
            if (span == null)
            {
                Assert.True(excused, $"{model.Where}: no span of {pages} pages, and yet no mapping had failed");
                Assert.True(model.Take(pages, alignment) != null, $"{model.Where}: the second attempt failed too");
            }

            return;
        }

        Span* one = model.Pick(random);
        switch (random.Next(20))
        {
            case 0:
                model.Release((nuint)random.NextInt64(1L << random.Next(1, 28)));
                break;
            case < 4:
                model.Extend(one, one->Pages + RandomPages(random));
                break;
            case < 7 when one->Pages > 1:
                model.Shorten(one, (nuint)random.Next(1, (int)one->Pages));
                break;
            default:
                model.Give(one);
                break;
        }
    }

    private static nuint RandomPages(Random random) => (nuint)random.Next(1000) switch
    {
        < 750 => (nuint)random.Next(1, 9),
        < 950 => (nuint)random.Next(1, 65),
        < 993 => (nuint)random.Next(1, 300),
        < 997 => (nuint)(256 * random.Next(1, 4)),
        _ => (nuint)random.Next(1, 2000),
    };
}

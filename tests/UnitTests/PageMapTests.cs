using System.Linq;
using System.Runtime.InteropServices;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class PageMapTests : AllocatorTest
{
    private static readonly nuint s_start = unchecked((nuint)0x3fff_fff0_0000); // its pages lie on both sides of a GiB's end

    public static TheoryData<ulong> ForeignAddresses =>
    [
        0,
        1,
        4096,
        0x40_0000,
        0x7fff_ffff_ffff, // the last of the user's half
        0x8000_0000_0000, // not canonical
        0x0001_0000_0000_0000,
        0x8000_0000_0000_0000,
        0xffff_7fff_ffff_ffff,
        0xffff_8000_0000_0000, // the kernel's half
        0xffff_ffff_8000_0000,
        0xffff_ffff_ff60_0000,
        0xffff_ffff_ffff_ffff,
    ];

    public PageMapTests() => Assert.True(PageMap.Cover(s_start, 2 * PageMap.HugePageSize));

    [Theory]
    [MemberData(nameof(ForeignAddresses))]
    public void KnowsNothingOfForeignAddresses(ulong address) => AssertUnknown((nuint)address);

    [Fact]
    public void KnowsNothingOfStackAndCodeAndOtherHeaps()
    {
        int local;
        AssertUnknown((nuint)(&local));
        AssertUnknown((nuint)(delegate*<nuint, nuint>)&PageMap.ClassOf);
        void* block = NativeMemory.Alloc(100);
        AssertUnknown((nuint)block);
        NativeMemory.Free(block);
    }

    [Fact]
    public void KnowsEveryPageOfASpanOfSmallBlocks()
    {
        const nuint Pages = 200;
        Span span = new() { Start = s_start, Pages = Pages, SizeClass = 42 };
        AssertUnknown(s_start);
        PageMap.SetSpan(&span);
        foreach (nuint page in Enumerable.Range(0, (int)Pages).Select(i => s_start + (nuint)i * PageMap.PageSize))
        {
            Assert.True(PageMap.ClassOf(page) == 42 && PageMap.ClassOf(page + PageMap.PageSize - 16) == 42);
            Assert.True(PageMap.SpanOf(page) == &span && PageMap.SpanOf(page + PageMap.PageSize - 1) == &span);
        }

        AssertUnknown(s_start - 1);
        AssertUnknown(s_start + Pages * PageMap.PageSize);

        PageMap.ClearSpan(&span);
        AssertUnknown(s_start);
        AssertUnknown(s_start + (Pages - 1) * PageMap.PageSize);
    }

    [Fact]
    public void KnowsTheFirstPageOfALargeBlock()
    {
        Span span = new() { Start = s_start, Pages = 100 };
        PageMap.SetSpan(&span);
        Assert.True(PageMap.SpanOf(s_start) == &span);
        Assert.Equal((nuint)0, PageMap.ClassOf(s_start));
        AssertUnknown(s_start + PageMap.PageSize);
        PageMap.ClearSpan(&span);
        AssertUnknown(s_start);
    }

    [Fact]
    public void KnowsHugePages()
    {
        HugePage hugePage = default;
        hugePage.Prepare(s_start - 16 * PageMap.HugePageSize & ~(PageMap.HugePageSize - 1), PageAdvice.None);
        PageMap.SetHugePage(hugePage.Start, &hugePage);
        Assert.True(PageMap.HugePageOf(hugePage.Start) == &hugePage);
        Assert.True(PageMap.HugePageOf(hugePage.Start + PageMap.HugePageSize - 1) == &hugePage);
        Assert.True(PageMap.HugePageOf(hugePage.Start - 1) == null);
        Assert.True(PageMap.HugePageOf(hugePage.Start + PageMap.HugePageSize) == null);
    }

    [Fact]
    public void CoversOnlyWhatAUserCanHave()
    {
        Assert.False(PageMap.Cover((nuint)1 << 47, PageMap.HugePageSize));
        Assert.False(PageMap.Cover(((nuint)1 << 47) - PageMap.HugePageSize, 2 * PageMap.HugePageSize));
    }

    [Fact]
    public void NeedsMemoryToCover()
    {
        nuint uncovered = unchecked((nuint)0x2000_0000_0000);
        Os.MapsToFail = 1;
        Assert.False(PageMap.Cover(uncovered, PageMap.HugePageSize));
        AssertUnknown(uncovered);
        Assert.True(PageMap.Cover(uncovered, PageMap.HugePageSize));
        int maps = Os.MapCalls;
        Assert.True(PageMap.Cover(uncovered + PageMap.HugePageSize, PageMap.HugePageSize));
        Assert.Equal(maps, Os.MapCalls);
    }

    private static void AssertUnknown(nuint address)
    {
        Assert.Equal((nuint)0, PageMap.ClassOf(address));
        Assert.True(PageMap.SpanOf(address) == null);
        Assert.True(PageMap.HugePageOf(address) == null);
    }
}

using System;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Limits as percentages: when files are read, and what is in force then.</summary>
public sealed unsafe class RelativeLimitsTests : AllocatorTest, IDisposable
{
    // So much that what the structures of other tests have touched does not matter.
    private const ulong Unit = 100 << 20;
    private const uint MiB = 1 << 20;
    private const string File = "/sys/fs/cgroup/memory.max";

    private readonly Defaults _defaults = new(typeof(Options), typeof(RelativeLimits));

    public RelativeLimitsTests()
    {
        EmptyHeap();
        Write("/proc/self/cgroup", "0::/\n");
        Write("/proc/self/mountinfo", "36 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        Write(File, $"{100 * Unit}");
        Clock.Milliseconds = 5000;
    }

    public void Dispose()
    {
        _defaults.Dispose();
        EmptyHeap();
    }

    [Fact]
    public void WhoAskedForBytesOpensNoFile()
    {
        Read("NATIVEMALLOC_LIMIT=5000M", "NATIVEMALLOC_SOFT_LIMIT=4000M");
        Assert.True(Allocate(40 * Unit));
        Assert.False(Allocate(40 * Unit));
        Assert.Empty(Os.Opened);
        Assert.Equal((50 * Unit, 40 * Unit, 0UL), (Options.Limit, Options.SoftLimit, RelativeLimits.Of));
    }

    [Fact]
    public void ASmallHeapOpensNoFile()
    {
        Read("NATIVEMALLOC_LIMIT=50%");
        for (int i = 0; i < 3; i++)
        {
            Assert.True(Allocate(MiB));
        }

        Assert.Empty(Os.Opened);
        Assert.Equal((Options.NoLimit, 0UL), (Options.Limit, RelativeLimits.Of));
    }

    [Fact]
    public void TheFirstLargeBlockIsSubjectToTheLimit()
    {
        Read("NATIVEMALLOC_LIMIT=50%", "NATIVEMALLOC_SOFT_LIMIT=33%");
        Assert.False(Allocate(60 * Unit));
        Assert.Equal((50 * Unit, 33 * Unit, 100 * Unit), (Options.Limit, Options.SoftLimit, RelativeLimits.Of));
        Assert.Equal(File, Marshal.PtrToStringUTF8((nint)RelativeLimits.Source));
        Assert.True(Allocate(40 * Unit));
    }

    [Fact]
    public void ABlockThatGrowsIsToo()
    {
        Read("NATIVEMALLOC_LIMIT=50%");
        Span* span = LargeBlocks.TakeSpan(MiB, 1);
        Assert.Empty(Os.Opened);
        nuint size = unchecked((nuint)(60 * Unit));
        Assert.True(Resize(span, size) == null);
        Assert.Equal(50 * Unit, Options.Limit);
    }

    [Fact]
    public void OnlyWhatWasAskedForAsAPercentageChanges()
    {
        Read("NATIVEMALLOC_LIMIT=7000M", "NATIVEMALLOC_SOFT_LIMIT=50%");
        Allocate(40 * Unit);
        Assert.Equal((70 * Unit, 50 * Unit), (Options.Limit, Options.SoftLimit));
    }

    [Fact]
    public void TheLastOfTwoSettingsHolds()
    {
        Read("NATIVEMALLOC_LIMIT=50%", "NATIVEMALLOC_LIMIT=7000M");
        Allocate(40 * Unit);
        Assert.Empty(Os.Opened);
        Assert.Equal(70 * Unit, Options.Limit);
    }

    [Fact]
    public void ChangesAreSeenWhileTheHeapGrowsAfterSomeTime()
    {
        Read("NATIVEMALLOC_LIMIT=50%");
        Allocate(20 * Unit);
        Os.Opened.Clear();

        Write(File, $"{200 * Unit}");
        Clock.Milliseconds += 1999;
        Assert.False(Allocate(60 * Unit));
        Assert.Empty(Os.Opened);

        Clock.Milliseconds++;
        Assert.True(Allocate(60 * Unit));
        Assert.Equal(100 * Unit, Options.Limit);
    }

    [Fact]
    public void WhatIsInForceStaysWhereALookFails()
    {
        Read("NATIVEMALLOC_LIMIT=50%");
        Allocate(20 * Unit);
        Os.Files["/proc/self/cgroup"] = ([], -Errno.TooManyFiles, 0);
        Clock.Milliseconds += 2000;
        Os.Opened.Clear();
        Assert.False(Allocate(60 * Unit));
        Assert.Single(Os.Opened); // and not again before its time
        Allocate(60 * Unit);
        Assert.Single(Os.Opened);
        Assert.Equal((50 * Unit, 100 * Unit), (Options.Limit, RelativeLimits.Of));
        Assert.Equal(File, Marshal.PtrToStringUTF8((nint)RelativeLimits.Source));
    }

    // In the first there is no /proc, in the second it shows no mounts from outside.
    [Theory]
    [InlineData("/proc/self/cgroup")]
    [InlineData("/proc/self/mountinfo")]
    public void WhatIsInForceStaysInAChroot(string file)
    {
        Read("NATIVEMALLOC_LIMIT=50%");
        Allocate(20 * Unit);
        Os.Files.Remove(file);
        Clock.Milliseconds += 2000;
        Assert.False(Allocate(60 * Unit));
        Assert.Equal((50 * Unit, 100 * Unit), (Options.Limit, RelativeLimits.Of));
    }

    [Fact]
    public void WhereTheFirstLookFailsItIsTheMachinesMemory()
    {
        Read("NATIVEMALLOC_LIMIT=50%");
        Os.Files["/proc/self/mountinfo"] = ([], -Errno.TooManyFiles, 0);
        Assert.True(Allocate(60 * Unit));
        Assert.Equal((Os.Memory / 2, Os.Memory), (Options.Limit, RelativeLimits.Of));
        Assert.Equal(0, *RelativeLimits.Source);

        Write("/proc/self/mountinfo", "36 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        Clock.Milliseconds += 2000;
        Assert.False(Allocate(20 * Unit));
        Assert.Equal(100 * Unit, RelativeLimits.Of);
    }

    // Who has a group give back its memory writes that for a moment.
    [Fact]
    public void NoneAtAllIsALimitAsAnyOther()
    {
        Read("NATIVEMALLOC_SOFT_LIMIT=50%");
        Write("/sys/fs/cgroup/memory.high", "0");
        Assert.True(Allocate(Unit));
        Assert.Equal(0UL, Options.SoftLimit);
        int opened = Os.Opened.Count;
        Assert.True(Allocate(Unit));
        Assert.Equal(opened, Os.Opened.Count); // not before its time

        Os.Files.Remove("/sys/fs/cgroup/memory.high");
        Clock.Milliseconds += 2000;
        Assert.True(Allocate(Unit));
        Assert.Equal(50 * Unit, Options.SoftLimit);
    }

    private static bool Allocate(ulong bytes) => LargeBlocks.Allocate((nuint)bytes, 1) != null;

    private static void Read(params string[] variables) => OptionsTests.Read(variables);

    private static void Write(string path, string text) => Os.Files[path] = (Encoding.UTF8.GetBytes(text), 0, 0);
}

using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class ProfileRequestTests : AllocatorTest, IDisposable
{
    private readonly Defaults _defaults = new(typeof(Options), typeof(ProfileRequest));

    public void Dispose() => _defaults.Dispose();

    [Theory]
    [InlineData("/tmp/a.pb.gz", ProfileFormat.Pprof)]
    [InlineData("/tmp/a", ProfileFormat.Pprof)]
    [InlineData("/tmp/a.heap", ProfileFormat.Heap)]
    [InlineData("/tmp/a.folded,peak", ProfileFormat.Folded)]
    [InlineData("/tmp/a.heap.folded", ProfileFormat.Folded)]
    [InlineData("heap", ProfileFormat.Pprof)]
    internal void TheNameSaysTheFormat(string value, ProfileFormat expected)
    {
        Read(value);
        Assert.True(Options.Profile && ProfileRequest.HasPath);
        Assert.Equal(expected, ProfileRequest.Format);
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("a", ProfileWords.None, ProfileValue.InUse)]
    [InlineData("a,allocated", ProfileWords.Allocated, ProfileValue.Allocated)]
    [InlineData("a,leaks,peak", ProfileWords.Leaks | ProfileWords.Peak, ProfileValue.Peak)]
    [InlineData("a,held", ProfileWords.Held, ProfileValue.Held)]
    [InlineData("a,leaks", ProfileWords.Leaks, ProfileValue.InUse)]
    internal void WordsFollow(string value, ProfileWords words, ProfileValue expected)
    {
        Read(value);
        Assert.Equal((words, expected), (ProfileRequest.Words, ProfileRequest.Value));
        Assert.Equal("a", Expanded(ProfileOccasion.Exit, 1, numbered: false));
        Assert.Equal(value, Marshal.PtrToStringUTF8((nint)ProfileRequest.Given));
    }

    [Fact]
    public void ThereMayBeWordsAlone()
    {
        Read(",leaks");
        Assert.True(Options.Profile && !ProfileRequest.HasPath);
        Assert.Equal(ProfileWords.Leaks, ProfileRequest.Words);
    }

    [Theory]
    [InlineData("a,leaks", 0)]
    [InlineData("a,leaks=1", 1)]
    [InlineData(",leaks=255", 255)]
    [InlineData("a,leaks=23,peak", 23)]
    internal void LeaksMayHaveAnExitCode(string value, int expected)
    {
        Read(value);
        Assert.True(Options.Leaks);
        Assert.Equal(expected, ProfileRequest.LeaksExitCode);
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("a,leaks=")]
    [InlineData("a,leaks=0")]
    [InlineData("a,leaks=256")]
    [InlineData("a,leaks=99999999999999999999")]
    [InlineData("a,leaks=1x")]
    [InlineData("a,leaks=-1")]
    [InlineData("a,")]
    [InlineData("a,leak")]
    [InlineData("a,leaksx")]
    [InlineData("a,leaks,")]
    [InlineData("a,leaks peak")]
    [InlineData("a,allocated,peak")]
    [InlineData("a,held,peak")]
    [InlineData("a.heap,held")]
    public void WhatIsNotUnderstoodIsNamed(string value)
    {
        Read(value);
        Assert.False(Options.Profile || ProfileRequest.HasPath);
        Assert.StartsWith($"nativemalloc: NATIVEMALLOC_PROFILE={value}: ignored", Encoding.UTF8.GetString([.. Os.Written.SelectMany(piece => piece)]));
    }

    [Fact]
    public void AnEmptyValueIsNone()
    {
        Read("");
        Assert.False(Options.Profile);
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("/tmp/%p.pb.gz,peak", ProfileOccasion.Exit, "/tmp/123.pb.gz")]
    [InlineData("/tmp/%p.pb.gz", ProfileOccasion.SoftLimit, "/tmp/123.soft_limit.pb.gz")]
    [InlineData("/tmp/a%p%p.heap", ProfileOccasion.NoMemory, "/tmp/a123123.no_memory.heap")]
    [InlineData("%p.folded", ProfileOccasion.NoMemory, "123.no_memory.folded")]
    [InlineData("/tmp/a.gz", ProfileOccasion.NoMemory, "/tmp/a.gz.no_memory")]
    [InlineData("/tmp/%p.pb.gz,leaks", ProfileOccasion.Leaks, "/tmp/123.pb.gz.leaks")]
    [InlineData("a.folded,leaks=2", ProfileOccasion.Leaks, "a.folded.leaks")]
    [InlineData(".heap", ProfileOccasion.SoftLimit, ".soft_limit.heap")]
    internal void ThePathIsMadeForEachProcessAndOccasion(string value, ProfileOccasion occasion, string expected)
    {
        Read(value);
        Assert.Equal(expected, Expanded(occasion, 123, numbered: value.Contains("%p")));
    }

    // The kernel refuses it; nothing is written behind the room that there is.
    [Fact]
    public void APathThatBecomesTooLongIsStillTooLong()
    {
        Read(string.Concat(Enumerable.Repeat("%p", 2047)) + "a");
        foreach (ProfileOccasion occasion in Enum.GetValues<ProfileOccasion>())
        {
            ProfileRequest.Expand(occasion, int.MaxValue);
        }

        Assert.All(Enum.GetValues<ProfileOccasion>(), occasion =>
            Assert.InRange(Encoding.UTF8.GetByteCount(Marshal.PtrToStringUTF8((nint)ProfileRequest.Expanded(occasion))), NumberedPath.MaxBytes, NumberedPath.MaxExpanded - 1));
    }

    [Fact]
    public void ATooLongValueIsNamed()
    {
        Read(new string('a', NumberedPath.MaxBytes));
        Assert.False(Options.Profile || ProfileRequest.HasPath);
        Assert.NotEmpty(Os.Written);
    }

    private static string Expanded(ProfileOccasion occasion, int processId, bool numbered)
    {
        Assert.Equal(numbered, ProfileRequest.Expand(occasion, processId));
        return Marshal.PtrToStringUTF8((nint)ProfileRequest.Expanded(occasion));
    }

    private static void Read(string value) => OptionsTests.Read("NATIVEMALLOC_PROFILE=" + value);
}

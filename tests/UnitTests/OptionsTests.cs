using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class OptionsTests : AllocatorTest, IDisposable
{
    private readonly Defaults _defaults = new(typeof(Options));

    public void Dispose() => _defaults.Dispose();

    [Theory]
    [InlineData("mm_cid", IndexChoice.MmCid)]
    [InlineData("cpu_id", IndexChoice.CpuId)]
    [InlineData("thread", IndexChoice.Thread)]
    [InlineData("", IndexChoice.Best)]
    internal void IndexIsUnderstood(string value, IndexChoice expected)
    {
        Read("PATH=/bin", "NATIVEMALLOC_INDEX=" + value, "HOME=/");
        Assert.Equal(expected, Options.Index);
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("1", StatisticsChoice.Text)]
    [InlineData("json:/tmp/a%p.json", StatisticsChoice.Json)]
    [InlineData("0", StatisticsChoice.None)]
    [InlineData("", StatisticsChoice.None)]
    internal void StatisticsAreUnderstood(string value, StatisticsChoice expected)
    {
        Read("NATIVEMALLOC_STATS=" + value);
        Assert.Equal(expected, Options.Statistics);
        Assert.Empty(Os.Written);
        if (expected == StatisticsChoice.Json)
        {
            Assert.Equal("/tmp/a%p.json", Marshal.PtrToStringUTF8((nint)StatisticsPath.Given));
        }
    }

    [Theory]
    [InlineData("", Options.NoLimit)]
    [InlineData("0", 0)]
    [InlineData("4097", 4097)]
    [InlineData("3K", 3 << 10)]
    [InlineData("500M", 500 << 20)]
    [InlineData("1000G", 1000UL << 30)]
    public void LimitsAreUnderstood(string value, ulong expected)
    {
        Read("NATIVEMALLOC_LIMIT=" + value, "NATIVEMALLOC_SOFT_LIMIT=" + value);
        Assert.Equal((expected, expected), (Options.Limit, Options.SoftLimit));
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("0", 0)]
    [InlineData("1", 1)]
    [InlineData("64K", 64 << 10)]
    [InlineData("2M", 2 << 20)]
    public void DistanceOfSamplesIsUnderstood(string value, ulong expected)
    {
        Read("NATIVEMALLOC_SAMPLE=" + value);
        Assert.Equal(expected, Options.Sample);
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("1%", 1)]
    [InlineData("80%", 80)]
    [InlineData("100%", 100)]
    public void PercentagesAreUnderstood(string value, uint expected)
    {
        Read("NATIVEMALLOC_LIMIT=" + value, "NATIVEMALLOC_SOFT_LIMIT=" + value);
        Assert.Equal((expected, expected, true), (Options.LimitPercent, Options.SoftLimitPercent, Options.AnyPercent));
        Assert.Equal((Options.NoLimit, Options.NoLimit), (Options.Limit, Options.SoftLimit)); // until it is known of what
        Assert.Empty(Os.Written);
        Options.SetPercentagesOf(1_000_050);
        Assert.Equal(1_000_050 * (ulong)expected / 100, Options.Limit);
        Options.SetPercentagesOf(Options.NoLimit);
        Assert.Equal((Options.NoLimit, Options.NoLimit), (Options.Limit, Options.SoftLimit));
    }

    [Theory]
    [InlineData("auto", HugePageChoice.Auto)]
    [InlineData("never", HugePageChoice.Never)]
    [InlineData("always", HugePageChoice.Always)]
    [InlineData("", HugePageChoice.Auto)]
    internal void HugePagesAreUnderstood(string value, HugePageChoice expected)
    {
        Read("NATIVEMALLOC_HUGE_PAGES=" + value);
        Assert.Equal(expected, Options.HugePages);
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("0", false)]
    [InlineData("", false)]
    public void VerboseIsUnderstood(string value, bool expected)
    {
        Read("NATIVEMALLOC_VERBOSE=" + value);
        Assert.Equal(expected, Options.Verbose);
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("NATIVEMALLOC_INDEX=mm_ci")]
    [InlineData("NATIVEMALLOC_INDEX=mm_cid ")]
    [InlineData("NATIVEMALLOC_INDEX")]
    [InlineData("NATIVEMALLOC_STATS=json:")]
    [InlineData("NATIVEMALLOC_STATS=2")]
    [InlineData("NATIVEMALLOC_VERBOSE=yes")]
    [InlineData("NATIVEMALLOC_HUGE_PAGES=1")]
    [InlineData("NATIVEMALLOC_RELEASE_DELAY=-1")]
    [InlineData("NATIVEMALLOC_RELEASE_DELAY=1s")]
    [InlineData("NATIVEMALLOC_RELEASE_RATE=0")]
    [InlineData("NATIVEMALLOC_RELEASE_RATE=101")]
    [InlineData("NATIVEMALLOC_SAMPLE=1%")]
    [InlineData("NATIVEMALLOC_SAMPLE=1025G")]
    [InlineData("NATIVEMALLOC_SAMPLE=often")]
    [InlineData("NATIVEMALLOC_LIMIT=M")]
    [InlineData("NATIVEMALLOC_LIMIT=-1")]
    [InlineData("NATIVEMALLOC_LIMIT=5 M")]
    [InlineData("NATIVEMALLOC_LIMIT=5MB")]
    [InlineData("NATIVEMALLOC_LIMIT=5m")]
    [InlineData("NATIVEMALLOC_LIMIT=200000G")]
    [InlineData("NATIVEMALLOC_LIMIT=0%")]
    [InlineData("NATIVEMALLOC_LIMIT=101%")]
    [InlineData("NATIVEMALLOC_LIMIT=%")]
    [InlineData("NATIVEMALLOC_LIMIT=5M%")]
    [InlineData("NATIVEMALLOC_SOFT_LIMIT=80%%")]
    [InlineData("NATIVEMALLOC_SOFT_LIMIT=80% ")]
    [InlineData("NATIVEMALLOC_SOFT_LIMIT=4294967376%")]
    [InlineData("NATIVEMALLOC_SOFT_LIMIT=99999999999999999999")]
    [InlineData("NATIVEMALLOC_")]
    [InlineData("NATIVEMALLOC_NO_SUCH_OPTION=1")]
    public void WhatIsNotUnderstoodIsNamedInOneLine(string setting)
    {
        Read(setting, "NATIVEMALLOC_INDEX=thread");
        string line = Encoding.ASCII.GetString([.. Os.Written.SelectMany(piece => piece)]);
        Assert.StartsWith($"nativemalloc: {setting}: ignored", line);
        Assert.Equal(line.Length - 1, line.IndexOf('\n'));
        Assert.Equal(IndexChoice.Thread, Options.Index); // the others are still read
        Assert.Equal((StatisticsChoice.None, false), (Options.Statistics, Options.Verbose));
        Assert.Equal((Options.NoLimit, Options.NoLimit, false), (Options.Limit, Options.SoftLimit, Options.AnyPercent));
    }

    [Theory]
    [InlineData("NATIVEMALLO=1")]
    [InlineData("XNATIVEMALLOC_INDEX=thread")]
    [InlineData("nativemalloc_index=thread")]
    [InlineData("")]
    public void OtherVariablesAreLeftAlone(string setting)
    {
        Read(setting);
        Assert.Equal(IndexChoice.Best, Options.Index);
        Assert.Empty(Os.Written);
    }

    [Fact]
    public void WithAnotherUsersRightsNothingIsRead()
    {
        const nuint AtSecure = 23;
        Shim.AuxiliaryVector[AtSecure] = 1;
        Read("NATIVEMALLOC_INDEX=thread", "NATIVEMALLOC_VERBOSE=1", "NATIVEMALLOC_NO_SUCH_OPTION=1");
        Assert.Equal((IndexChoice.Best, false), (Options.Index, Options.Verbose));
        Assert.Empty(Os.Written);
    }

    [Theory]
    [InlineData("index", "")]
    [InlineData("stats", "0")]
    [InlineData("verbose", "0")]
    [InlineData("index", "mm_cid", "NATIVEMALLOC_INDEX=mm_cid")]
    [InlineData("index", "cpu_id", "NATIVEMALLOC_INDEX=cpu_id")]
    [InlineData("index", "thread", "NATIVEMALLOC_INDEX=thread")]
    [InlineData("index", "", "NATIVEMALLOC_INDEX=fast")]
    [InlineData("stats", "1", "NATIVEMALLOC_STATS=1")]
    [InlineData("stats", "json:/a/b", "NATIVEMALLOC_STATS=json:/a/b")]
    [InlineData("check", "0")]
    [InlineData("check", "1", "NATIVEMALLOC_CHECK=1")]
    [InlineData("verbose", "1", "NATIVEMALLOC_VERBOSE=1")]
    [InlineData("release_delay", "250")]
    [InlineData("release_delay", "0", "NATIVEMALLOC_RELEASE_DELAY=0")]
    [InlineData("release_delay", "86400000", "NATIVEMALLOC_RELEASE_DELAY=86400000")]
    [InlineData("release_delay", "250", "NATIVEMALLOC_RELEASE_DELAY=86400001")]
    [InlineData("release_delay", "250", "NATIVEMALLOC_RELEASE_DELAY=99999999999999999999")]
    [InlineData("names", "0")]
    [InlineData("names", "1", "NATIVEMALLOC_NAMES=1")]
    [InlineData("release_rate", "100")]
    [InlineData("release_rate", "50", "NATIVEMALLOC_RELEASE_RATE=50")]
    [InlineData("sample", "0")]
    [InlineData("sample", "65536", "NATIVEMALLOC_SAMPLE=64K")]
    [InlineData("limit", "")]
    [InlineData("limit", "1048576", "NATIVEMALLOC_LIMIT=1M")]
    [InlineData("soft_limit", "80%", "NATIVEMALLOC_SOFT_LIMIT=80%")]
    [InlineData("colour", null, "NATIVEMALLOC_COLOUR=blue")]
    public void ValuesCanBeReadBack(string name, string expected, params string[] variables)
    {
        Read(variables);
        byte* value = stackalloc byte[40];
        Output output = Output.ToMemory(value, 40);
        fixed (byte* text = Encoding.ASCII.GetBytes(name + "\0"))
        {
            Assert.Equal(expected != null, Options.WriteValue(text, ref output));
        }

        Assert.Equal(expected ?? "", Encoding.ASCII.GetString(value, output.Finish()));
    }

    [Fact]
    public void ThePathIsTheLongestThatTheKernelTakes()
    {
        string path = new('a', 4095);
        Read("NATIVEMALLOC_STATS=json:" + path);
        Assert.Equal(path, Marshal.PtrToStringUTF8((nint)StatisticsPath.Given));
        Assert.Empty(Os.Written);
    }

    [Fact]
    public void ALongerPathIsToldOf()
    {
        Read("NATIVEMALLOC_STATS=json:" + new string('a', 4096));
        Assert.Equal(StatisticsChoice.None, Options.Statistics);
        Assert.Equal(
            "nativemalloc: NATIVEMALLOC_STATS: the path has more than 4,095 bytes, no statistics will be written\n",
            Encoding.UTF8.GetString(Assert.Single(Os.Written)));
    }

    // The environment is gone when they are asked for.
    internal static void Read(params IEnumerable<string> variables)
    {
        nint[] pointers = [.. variables.Select(Marshal.StringToCoTaskMemUTF8), 0];
        fixed (nint* environment = pointers)
        {
            Options.Read((byte**)environment);
        }

        foreach (nint variable in pointers[..^1])
        {
            Marshal.WriteByte(variable, 0);
            Marshal.FreeCoTaskMem(variable);
        }
    }
}

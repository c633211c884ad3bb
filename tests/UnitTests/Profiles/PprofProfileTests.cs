using System;
using System.Collections.Generic;
using System.Linq;
using Google.Protobuf;
using NativeMalloc.Pprof;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class PprofProfileTests : AllocatorTest
{
    private static readonly string[] s_types =
    [
        "alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes", "peak_objects/count", "peak_space/bytes", "held_space/bytes",
    ];

    private static readonly string[] s_maps =
    [
        "10000000-10010000 r--p 00000000 fe:01 70                                 /usr/lib/first.so",
        "10010000-10020000 r-xp 00010000 fe:01 70                                 /usr/lib/first.so",
        "20000000-20010000 r--p 00000000 fe:01 71                                 /usr/bin/program",
        "20010000-20020000 r-xp 00010000 fe:01 71                                 /usr/bin/program",
    ];

    public PprofProfileTests()
    {
        FakeProfile.Reset();
        FakeProfile.SetMaps(s_maps);
        FakeProfile.Program = 0x20011111;
    }

    [Fact]
    public void TypesAreThoseThatReadersKnow()
    {
        Profile profile = Write();
        Assert.Equal(s_types, profile.SampleType.Select(type => Name(profile, type)));
        Assert.Equal("space/bytes", Name(profile, profile.PeriodType));
        Assert.Equal(512 << 10, profile.Period);
        Assert.Equal("inuse_space", profile.StringTable[(int)profile.DefaultSampleType]);
        Assert.Equal("", profile.StringTable[0]);
        Assert.Equal((1_800_000_000_123_456_789, 5_000_000_000), (profile.TimeNanos, profile.DurationNanos));
        Assert.Empty(profile.Sample);
    }

    [Fact]
    public void ASampleHasAllValuesOfItsStackAndTheLeafFirst()
    {
        FakeProfile.Add([0x10010101, 0x20010201, 0x30000001], FakeProfile.Blocks(2.4, 99.5), FakeProfile.Blocks(1e6, 3e12), FakeProfile.Blocks(7, 700), held: 4096.4);
        FakeProfile.Add([0x20010201], default, FakeProfile.Blocks(1, 16)); // nothing is live of it
        FakeProfile.Add([0x20010301], FakeProfile.Blocks(1e-9, 1e-7)); // nor here, but for what rounding has left: nothing was allocated since the last reset
        Profile profile = Write();
        Assert.Equal(2, profile.Sample.Count);
        Assert.Equal([1_000_000, 3_000_000_000_000, 2, 100, 7, 700, 4096], profile.Sample[0].Value);
        Assert.Equal([1, 16, 0, 0, 0, 0, 0], profile.Sample[1].Value);
        Dictionary<ulong, Location> locations = profile.Location.ToDictionary(location => location.Id);
        Assert.Equal([0x10010100UL, 0x20010200, 0x30000000], profile.Sample[0].LocationId.Select(id => locations[id].Address));
        Assert.Equal(["/usr/lib/first.so", "/usr/bin/program", null], profile.Sample[0].LocationId.Select(id => FileOf(profile, locations[id])));
    }

    [Fact]
    public void TheProgramIsTheFirstMapping()
    {
        Profile profile = Write();
        Assert.Equal(["/usr/bin/program", "/usr/lib/first.so"], profile.Mapping.Select(mapping => profile.StringTable[(int)mapping.Filename]));
        Assert.Equal((0x20010000UL, 0x20020000UL, 0x10000UL), (profile.Mapping[0].MemoryStart, profile.Mapping[0].MemoryLimit, profile.Mapping[0].FileOffset));
        Assert.All(profile.Mapping, mapping => Assert.Equal(0, mapping.BuildId)); // no image can be read
    }

    // A position-independent image, and one that was linked for where it is.
    [Theory]
    [InlineData(0UL)]
    [InlineData(0x20000000UL)]
    public void MappingsHaveTheirBuildIds(ulong linkedAt)
    {
        byte[] id = [.. Enumerable.Range(0, 20).Select(i => (byte)(i * 13))];
        FakeProfile.Memory[0x20000000] = FakeImage.Make(linkedAt, id);
        Profile profile = Write();
        Assert.Equal(Convert.ToHexStringLower(id), profile.StringTable[(int)profile.Mapping[0].BuildId]);
        Assert.Equal(0, profile.Mapping[1].BuildId);
    }

    [Fact]
    public void AnImageThatIsCutOffAnywhereHasNone()
    {
        byte[] image = FakeImage.Make(0, new byte[20]);
        byte* id = stackalloc byte[BuildId<FakeProfile>.MostBytes];
        for (int length = 0; length < image.Length; length += 4)
        {
            FakeProfile.Memory[0x20000000] = image[..length];
            Assert.Equal(0, BuildId<FakeProfile>.Read(0x20000000, id));
        }
    }

    [Theory]
    [InlineData(StackEnd.Whole, null)]
    [InlineData(StackEnd.Deep, "[more frames]")]
    [InlineData(StackEnd.Lost, "[frames unknown]")]
    [InlineData(StackEnd.Unreadable, "[frames unreadable]")]
    internal void WhatEndsAStackIsItsOutermostFunction(StackEnd end, string expected)
    {
        FakeProfile.Add([0x10010101], FakeProfile.Blocks(1, 100), end: end);
        Profile profile = Write();
        Pprof.Sample sample = Assert.Single(profile.Sample);
        Assert.Equal(expected == null ? 1 : 2, sample.LocationId.Count);
        Location last = profile.Location.Single(location => location.Id == sample.LocationId[^1]);
        Assert.Equal(expected, FunctionOf(profile, last));
    }

    [Fact]
    public void StacksWithoutFramesHaveAFunctionToo()
    {
        FakeProfile.Add([], FakeProfile.Blocks(1, 100), end: StackEnd.NoRoom);
        FakeProfile.Add([], FakeProfile.Blocks(1, 100));
        FakeProfile.Add([1, 0, 4000], FakeProfile.Blocks(1, 100), end: StackEnd.Lost); // no code is there
        Profile profile = Write();
        Dictionary<ulong, Location> locations = profile.Location.ToDictionary(location => location.Id);
        Assert.Equal(["[no room for this stack]", "[frames unknown]"], profile.Sample.Take(2).Select(sample => FunctionOf(profile, locations[sample.LocationId.Single()])));
        Assert.Equal(0xffff_ffff_ffff_ffffUL, locations[profile.Sample[2].LocationId[0]].Address);
        Assert.Equal(2, profile.Sample[2].LocationId.Count);
    }

    [Fact]
    public void CommentsAreThere()
    {
        FakeProfile.Comments.AddRange(["one", new string('x', 1000), ""]);
        Profile profile = Write();
        Assert.Equal(["one", new string('x', 511), ""], profile.Comment.Select(index => profile.StringTable[(int)index]));
    }

    // More than the set of those that were written has room for.
    [Fact]
    public void EachOfVeryManyLocationsIsWrittenOnce()
    {
        const int Stacks = 1500;
        for (uint i = 0; i < Stacks; i++)
        {
            ulong[] frames = [.. Enumerable.Range(0, 100).Select(frame => 0x10010001 + (ulong)(frame < 20 ? frame : i * 100 + frame) * 8)]; // the first are shared
            FakeProfile.Add(frames, FakeProfile.Blocks(1, 100));
        }

        Profile profile = Write();
        Assert.Equal(Stacks, profile.Sample.Count);
        Assert.True(profile.Location.Count > ProfileScratch.AddressPlaces);
        Assert.Equal(Stacks * 80 + 20 + StackEnds.Count, profile.Location.Count);
    }

    [Fact]
    public void AFailureIsReturned()
    {
        Os.WriteResult = -28;
        Assert.True(ProfileScratch.Take(out ProfileScratch scratch));
        Assert.Equal(28, PprofProfile<FakeProfile>.Write(7, scratch));
        ProfileScratch.Give(scratch);
    }

    // And what pprof's readers check.
    private static Profile Write()
    {
        Assert.True(ProfileScratch.Take(out ProfileScratch scratch));
        Assert.Equal(0, PprofProfile<FakeProfile>.Write(7, scratch));
        ProfileScratch.Give(scratch);
        Profile profile = Profile.Parser.ParseFrom(GzipOutputTests.Unzip());

        // Nothing that the schema does not know, nothing twice, and all as short as it can be, but that each comment has a field of its own.
        Profile withoutComments = profile.Clone();
        withoutComments.Comment.Clear();
        int comments = profile.Comment.Sum(index => 1 + CodedOutputStream.ComputeInt64Size(index));
        Assert.Equal(withoutComments.CalculateSize() + comments, GzipOutputTests.Unzip().Length);
        HashSet<ulong> mappings = [.. profile.Mapping.Select(mapping => mapping.Id)];
        HashSet<ulong> functions = [.. profile.Function.Select(function => function.Id)];
        HashSet<ulong> locations = [.. profile.Location.Select(location => location.Id)];
        Assert.Equal((profile.Mapping.Count, profile.Function.Count, profile.Location.Count), (mappings.Count, functions.Count, locations.Count));
        Assert.DoesNotContain(0UL, mappings.Concat(functions).Concat(locations));
        Assert.All(profile.Sample, sample => Assert.True(sample.Value.Count == 7 && sample.LocationId.Count > 0 && sample.LocationId.All(locations.Contains)));
        Assert.All(profile.Location, location => Assert.True(location.MappingId == 0 || mappings.Contains(location.MappingId)));
        Assert.All(profile.Location.SelectMany(location => location.Line), line => Assert.Contains(line.FunctionId, functions));
        return profile;
    }

    private static string Name(Profile profile, Pprof.ValueType type) => profile.StringTable[(int)type.Type] + "/" + profile.StringTable[(int)type.Unit];

    private static string FileOf(Profile profile, Location location) =>
        profile.Mapping.Where(mapping => mapping.Id == location.MappingId).Select(mapping => profile.StringTable[(int)mapping.Filename]).SingleOrDefault();

    private static string FunctionOf(Profile profile, Location location) =>
        location.Line.Select(line => profile.StringTable[(int)profile.Function.Single(function => function.Id == line.FunctionId).Name]).SingleOrDefault();
}

using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>The objects that a dynamic linker's list for debuggers leads to.</summary>
public sealed unsafe class ObjectTableTests : UnwindingTest
{
    private const nuint ProgramHeaders = 3;
    private const nuint Vdso = 33;
    private const ulong DebugInformation = 21;
    private const int DynamicAt = 2048;
    private const int FramesAt = 3072;

    private readonly List<TableMemory> _loaded = [];
    private readonly ulong* _debug;

    public ObjectTableTests()
    {
        Shim.Objects = null; // libc does not say
        _debug = (ulong*)Memory.Put(1UL);
        Memory.Put(new byte[4 * sizeof(ulong)]);
        TableMemory program = Image(1);
        ulong* dynamic = (ulong*)(program.Start + DynamicAt);
        dynamic[0] = 5;
        dynamic[1] = 7;
        dynamic[2] = DebugInformation;
        dynamic[3] = (ulong)_debug;
        Shim.AuxiliaryVector[ProgramHeaders] = (nuint)program.Start + 64;
        _loaded.Add(program);
    }

    [Fact]
    public void TheListIsFollowed()
    {
        for (byte i = 2; i < 50; i++)
        {
            _loaded.Add(Image(i));
        }

        Link(_loaded);
        foreach (TableMemory memory in _loaded)
        {
            AssertFound(memory, (nuint)memory.Start, (nuint)memory.Start + 100, (nuint)memory.Start + 8191);
            Assert.False(TryFind((nuint)memory.Start + 8192, out _));
            Assert.False(TryFind((nuint)memory.Start - 1, out _));
        }

        Assert.False(TryFind(16, out _));
        Assert.False(TryFind(nuint.MaxValue, out _));
    }

    [Fact]
    public void TheKernelsOwnObjectIsOne()
    {
        TableMemory vdso = Image(9);
        Shim.AuxiliaryVector[Vdso] = (nuint)vdso.Start;
        AssertFound(vdso, (nuint)vdso.Start + 5);
        AssertFound(_loaded[0], (nuint)_loaded[0].Start);
    }

    [Fact]
    public void WhatIsLoadedLaterIsFound()
    {
        Link(_loaded);
        TableMemory later = Image(2);
        Assert.False(TryFind((nuint)later.Start, out _));
        _loaded.Insert(1, later);
        Link(_loaded);
        AssertFound(later, (nuint)later.Start);
        for (byte i = 3; i < 100; i++)
        {
            _loaded.Add(Image(i));
            Link(_loaded);
            AssertFound(_loaded.Last(), (nuint)_loaded.Last().Start);
        }

        _loaded.ForEach(memory => AssertFound(memory, (nuint)memory.Start));
    }

    // It reads the list again where that has changed, and not else: code that is no object's is looked for at every sample.
    [Fact]
    public void AnAddressOfNoneMakesNoNewTable()
    {
        Link(_loaded);
        Assert.False(TryFind(1 << 20, out _));
        nuint before = Metadata.TouchedBytes;
        Os.ReadableCalls = 0;
        for (int i = 0; i < 100; i++)
        {
            Assert.False(TryFind(1 << 20, out _));
        }

        Assert.Equal(before, Metadata.TouchedBytes);
    }

    [Fact]
    public void AnotherInTheSamePlaceIsNotTheSame()
    {
        TableMemory library = Image(2);
        _loaded.Add(library);
        Link(_loaded);
        ulong first = AssertFound(library, (nuint)library.Start);
        Assert.Equal(first, AssertFound(library, (nuint)library.Start));
        *(library.Start + 500 + 20) += 1; // its build id
        Assert.NotEqual(first, AssertFound(library, (nuint)library.Start));
        *(library.Start + 500 + 20) -= 1;
        Assert.Equal(first, AssertFound(library, (nuint)library.Start));

        // Nor is one that is not there any more.
        LibC.Map(library.Start, 65536, LibC.ProtNone, LibC.MapPrivateAnonymous | LibC.MapFixed, -1, 0);
        Assert.False(TryFind((nuint)library.Start, out _));
        AssertFound(_loaded[0], (nuint)_loaded[0].Start);
    }

    // Where libc says what is loaded, its word and the build id suffice for what was seen before.
    [Fact]
    public void WhatIsThereStillIsNotReadAnew()
    {
        TableMemory library = Image(2);
        byte* buildId = library.Start + 500 + 20;
        CodeObject code = new() { Start = (nuint)library.Start, End = (nuint)library.Start + 8192, Frames = (nuint)library.Start + FramesAt };
        Shim.Objects = [code];
        ulong first = Identity(library);
        *library.Start = 0; // no header
        Assert.Equal(first, Identity(library));
        *library.Start = 0x7f;
        *buildId += 1;
        ulong second = Identity(library);
        Assert.NotEqual(first, second);
        Assert.Equal(second, Identity(library));

        code.End -= 4096;
        Shim.Objects = [code];
        Assert.NotEqual(second, Identity(library));
        Shim.Objects.Clear();
        Assert.Equal(0UL, Identity(library));
        Shim.Objects.Add(code);
        LibC.Map(library.Start, 65536, LibC.ProtNone, LibC.MapPrivateAnonymous | LibC.MapFixed, -1, 0);
        Assert.Equal(0UL, Identity(library));
    }

    // The program and libc are looked up once, and others in each walk.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatStaysIsNotLookedUpAgain(bool isLibc)
    {
        TableMemory[] loaded = [.. Enumerable.Range(2, 12).Select(i => Image((byte)i))];
        Shim.Objects = [.. loaded.Select(memory => new CodeObject
        {
            Start = (nuint)memory.Start,
            End = (nuint)memory.Start + 8192,
            Frames = (nuint)memory.Start + FramesAt,
        })];
        Shim.AuxiliaryVector[ProgramHeaders] = isLibc ? 0 : (nuint)loaded[1].Start + 64;
        Shim.FunctionOfLibc = isLibc ? (nuint)loaded[1].Start + 5000 : 0;
        List<CodeObject> all = Shim.Objects;
        for (int i = 0; i < loaded.Length; i++)
        {
            ulong[] identities = [Identity(loaded[1]), Identity(loaded[i])];
            Assert.DoesNotContain(0UL, identities);
            Shim.Objects = [];
            Assert.Equal(identities[0], Identity(loaded[1]));
            Assert.Equal(i == 1 ? identities[1] : 0, Identity(loaded[i]));
            Shim.Objects = all;
        }
    }

    [Fact]
    public void WithoutABuildIdTheHeadersTell()
    {
        TableMemory memory = Image(2);
        ((Segment*)(memory.Start + 64))[2].Type = 0;
        CodeObject code = new() { Start = (nuint)memory.Start, End = (nuint)memory.Start + 8192 };
        Assert.True(code.TryIdentify(Pages));
        ulong before = code.Identity;
        ((Segment*)(memory.Start + 64))[0].FileBytes++;
        Assert.True(code.TryIdentify(Pages));
        Assert.NotEqual(before, code.Identity);
    }

    [Fact]
    public void AListThatIsBeingChangedIsLeftAlone()
    {
        TableMemory library = Image(2);
        Link([.. _loaded, library]);
        _debug[3] = 1; // r_state: RT_ADD
        Assert.False(TryFind((nuint)library.Start, out _));
        AssertFound(_loaded[0], (nuint)_loaded[0].Start);
        _debug[3] = 0;
        AssertFound(library, (nuint)library.Start);
    }

    // Another thread may be about to unload the others. Each is read when it is wanted.
    [Fact]
    public void OnlyWhatTheAddressMayBeInIsRead()
    {
        TableMemory[] libraries = [.. Enumerable.Range(2, 9).Select(i => Image((byte)i)).OrderBy(memory => (ulong)memory.Start)];
        Link([.. _loaded, .. libraries]);
        List<nuint> tried = [];
        Os.WhileTrying = tried.Add;
        foreach (TableMemory library in (TableMemory[])[libraries[4], libraries[2], libraries[4], libraries[8]])
        {
            tried.Clear();
            AssertFound(library, (nuint)library.Start + 700);
            Assert.Contains((nuint)library.Start, tried);
            Assert.DoesNotContain(libraries, other => other != library && tried.Any(page => page - (nuint)other.Start < 8192));
        }

        // What is behind one, and in none.
        Assert.False(TryFind((nuint)libraries[6].Start + 8192, out _));
        tried.Clear();
        Assert.False(TryFind((nuint)libraries[6].Start + 8192, out _));
        Assert.DoesNotContain(libraries, library => tried.Any(page => page - (nuint)library.Start < 8192));
        Os.WhileTrying = null;
    }

    // As freed memory may say anything.
    [Theory]
    [InlineData(0x1234567)]
    [InlineData(1)]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 62)]
    public void NonsenseInTheListEndsIt(ulong next)
    {
        TableMemory library = Image(2);
        ulong* link = Link([.. _loaded, library]);
        link[3] = next;
        AssertFound(library, (nuint)library.Start);
        link[0] = next; // its base
        TableMemory other = Image(3);
        ulong* last = Link([.. _loaded, other]);
        last[2] += 8; // its dynamic section
        Assert.False(TryFind((nuint)other.Start, out _));
        AssertFound(_loaded[0], (nuint)_loaded[0].Start);
    }

    [Fact]
    public void ACircleEnds()
    {
        TableMemory library = Image(2);
        ulong* link = Link([.. _loaded, library]);
        link[3] = (ulong)link;
        AssertFound(library, (nuint)library.Start);
    }

    private ulong AssertFound(TableMemory memory, params nuint[] addresses)
    {
        ulong identity = 0;
        foreach (nuint address in addresses)
        {
            Assert.True(TryFind(address, out CodeObject found));
            Assert.Equal(
                ((nuint)memory.Start, (nuint)memory.Start + 8192, (nuint)memory.Start + FramesAt),
                (found.Start, found.End, found.Frames));
            identity = found.Identity;
        }

        return identity;
    }

    private bool TryFind(nuint address, out CodeObject found)
    {
        Forget();
        CodeObject code = default;
        bool exists = LoadedObjects.TryFind(Work, address, &code);
        found = code;
        return exists;
    }

    // In a walk of its own; 0 where it finds none.
    private ulong Identity(TableMemory memory)
    {
        Forget();
        CodeObject* code = NearObjects.Find(Work, (nuint)memory.Start + 10);
        return code != null ? code->Identity : 0;
    }

    // Returns the last link.
    private ulong* Link(IEnumerable<TableMemory> objects)
    {
        ulong* before = &_debug[1] - 3;
        Memory.At = Memory.Start + 4096;
        foreach (TableMemory memory in objects)
        {
            ulong* link = (ulong*)Memory.Put((ulong)memory.Start);
            Memory.Put(0UL);
            Memory.Put((ulong)memory.Start + DynamicAt);
            Memory.Put(0UL);
            before[3] = (ulong)link;
            before = link;
        }

        return before;
    }

    // The headers of an object of two pages.
    private static TableMemory Image(byte buildId)
    {
        TableMemory memory = new();
        byte* start = memory.Start;
        *(uint*)start = 0x464c457f;
        start[4] = 2; // of 64 bits
        *(ulong*)(start + 32) = 64;
        *(ushort*)(start + 54) = (ushort)sizeof(Segment);
        *(ushort*)(start + 56) = 4;
        Segment* segments = (Segment*)(start + 64);
        segments[0] = new Segment { Type = Segment.Load, Flags = 5, Address = 0, FileBytes = 8000, MemoryBytes = 8192 };
        segments[1] = new Segment { Type = Segment.Dynamic, Address = DynamicAt, MemoryBytes = 256 };
        segments[2] = new Segment { Type = Segment.Note, Address = 500, MemoryBytes = 36 };
        segments[3] = new Segment { Type = Segment.Frames, Address = FramesAt, MemoryBytes = 100 };
        memory.At = start + 500;
        memory.Put(4u);
        memory.Put(20u);
        memory.Put(3u);
        memory.Put((byte)'G', (byte)'N', (byte)'U', 0);
        memory.Put([.. Enumerable.Repeat(buildId, 20)]);
        memory.At = start + FramesAt;
        memory.Sorted();
        return memory;
    }
}

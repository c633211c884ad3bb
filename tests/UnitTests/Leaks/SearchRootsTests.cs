using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Which words of a mapping count: what is excluded, the dead parts of stacks, threads that have ended, and pages that hold nothing.</summary>
public sealed unsafe class SearchRootsTests : AllocatorTest, IDisposable
{
    private const int Pages = 200;
    private const nuint Page = 4096;
    private const int IdOffset = 0x2d0;
    private const int OwnId = 4711;
    private const int OtherId = 4712;
    private const ulong Canary = 0x1234_5678_9abc_de00;

    private readonly SearchedHeap _heap = new();
    private readonly byte* _mapping;
    private readonly byte* _own;
    private readonly HashSet<int> _absent = [];
    private SearchMemory _memory;
    private nuint[] _targets;
    private int _used;
    private byte* _first;
    private bool _isStack;

    public SearchRootsTests()
    {
        EmptyHeap();
        _heap.Fill(new Random(1), 1000, [64], 1, remnants: false, large: 0);
        _targets = [.. _heap.Blocks.Keys];
        _mapping = LibC.Map(null, Pages * Page, LibC.ProtReadWrite, LibC.MapPrivateAnonymous, -1, 0);
        _own = LibC.Map(null, Page, LibC.ProtReadWrite, LibC.MapPrivateAnonymous, -1, 0);
        WriteDescriptor(_own + 1024, OwnId);
        Os.Files["/proc/thread-self/pagemap"] = ([], 0, 0);
        Os.PageEntry = page => _absent.Contains((int)(page - (nuint)_mapping / Page)) ? 0 : 1UL << 63;
    }

    public void Dispose()
    {
        LibC.SystemCall(11, _mapping, (long)(Pages * Page), 0, null, null, 0); // munmap
        LibC.SystemCall(11, _own, (long)Page, 0, null, null, 0);
        _memory.Unmap();
        _heap.Dispose();
        EmptyHeap();
    }

    [Fact]
    public void EveryWordOfAMappingCounts()
    {
        nuint[] places = [0, 8, 4088, 4096, 64 * Page - 8, 64 * Page, 65 * Page, 130 * Page, Pages * Page - 8];
        Put(places);
        Assert.All(Found(places.Length, [], []), Assert.True);
    }

    [Fact]
    public void WhatIsExcludedDoesNot()
    {
        nuint[] excluded = [8192, 8192 + 128, 70 * Page, 100 * Page, 140 * Page - 8];
        nuint[] others = [8192 - 8, 8192 + 136, 70 * Page - 8, 140 * Page, 0, Pages * Page - 8];
        nuint[] all = [.. excluded, .. others];
        Put(all);
        Assert.Equal(all.Select(others.Contains), Found(all.Length, [(70 * Page, 140 * Page), (8192, 8192 + 136), (20 * Page, 20 * Page)], []));
    }

    [Fact]
    public void PagesThatHoldNothingOrCannotBeReadDoNot()
    {
        _absent.UnionWith([3, 64, 65]);
        nuint[] places = [3 * Page + 8, 64 * Page, 2 * Page, 4 * Page, 66 * Page, 63 * Page + 4088, 90 * Page, 89 * Page + 8, 91 * Page];
        Put(places);
        LibC.Map(_mapping + 90 * Page, Page, LibC.ProtNone, LibC.MapPrivateAnonymous | LibC.MapFixed, -1, 0);
        Assert.Equal([false, false, true, true, true, true, false, true, true], Found(places.Length, [], []));
    }

    // Down to the first page that nothing was ever written to.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BelowAStackPointerNothingDoes(bool isFirst)
    {
        _absent.UnionWith([30, 31]);
        nuint pointer = 100 * Page + 512;
        nuint redZone = SearchRoots.RedZone;
        nuint[] alive = [pointer, pointer - redZone, pointer + 8, 150 * Page, 29 * Page + 4088, 0];
        nuint[] dead = [pointer - redZone - 8, 100 * Page, 99 * Page, 64 * Page, 63 * Page, 32 * Page];
        nuint[] all = [.. alive, .. dead];
        Put(all);
        if (isFirst)
        {
            _isStack = true;
        }
        else
        {
            WriteDescriptor(_mapping + 190 * Page, OtherId);
        }

        Assert.Equal(all.Select(alive.Contains), Found(all.Length, [], [(OtherId, pointer)]));
    }

    // A coroutine's, wherever its thread's own is: what lies below may be the stack of another.
    [Theory]
    [InlineData(0)]
    [InlineData(OtherId + 1)]
    public void BelowAStackPointerOnAnotherStackThanItsThreadsEverythingDoes(int owner)
    {
        nuint[] places = [101 * Page, 100 * Page - 256, 60 * Page, 0];
        Put(places);
        if (owner != 0)
        {
            WriteDescriptor(_mapping + 190 * Page, owner);
        }

        Assert.All(Found(places.Length, [], [(OtherId, 100 * Page)]), Assert.True);
    }

    // It may be a block of its own, or lie in one, to which nothing else leads.
    [Fact]
    public void StackPointersCount()
    {
        State state = Prepare([], [(OtherId, 0)]);
        (*state.Threads)[0]->StackPointer = _targets[0] + 8;
        state.Roots->LookAtRegisters();
        _heap.Search->Marking.Follow();
        Assert.Equal([true, false], _targets.Take(2).Select(IsReached));
    }

    [Fact]
    public void ThreadsForWhichThereIsNoRoomAreCounted()
    {
        State state = Prepare([], [(OtherId, 0)]);
        AddFolder(Enumerable.Range(1, 20));
        Assert.Equal(20, state.Threads->Update());
        Assert.Equal((16, 5), (state.Threads->Count, state.Threads->Missing));
    }

    // Another stack lies right below, with a guard between.
    [Fact]
    public void AGuardEndsAStackToo()
    {
        nuint[] places = [50 * Page, 41 * Page, 39 * Page];
        Put(places);
        WriteDescriptor(_mapping + 60 * Page, OtherId);
        LibC.Map(_mapping + 40 * Page, Page, LibC.ProtNone, LibC.MapPrivateAnonymous | LibC.MapFixed, -1, 0);
        Assert.Equal([true, false, true], Found(places.Length, [], [(OtherId, 45 * Page)]));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, true)]
    [InlineData(OtherId, false)]
    public void TheStackOfAThreadThatHasEndedDoesNot(int id, bool ended)
    {
        _absent.Add(20);
        WriteDescriptor(_mapping + 80 * Page, id);
        nuint[] places = [80 * Page + 8, 81 * Page, 80 * Page - 8, 64 * Page, 21 * Page, 19 * Page];
        Put(places);
        Assert.Equal([true, true, !ended, !ended, !ended, true], Found(places.Length, [], []));
    }

    // As glibc's descriptor says: where it begins, and how long it is.
    [Theory]
    [InlineData(0, 70 * 4096 + 16)]
    [InlineData(OtherId, 70 * 4096 + 16)]
    [InlineData(0, 70 * 4096)]
    [InlineData(0, 64 * 4096)]
    [InlineData(0, 79 * 4096)]
    public void BelowAStacksStartEverythingDoes(int id, int offset)
    {
        nuint start = (nuint)offset;
        WriteDescriptor(_mapping + 80 * Page, id);
        nuint* stack = (nuint*)(_mapping + 80 * Page + 0x690);
        stack[0] = (nuint)_mapping + start;
        stack[1] = 80 * Page + 0x940 - start;
        nuint[] dead = [80 * Page - 256, start];
        nuint[] places = [.. dead, 80 * Page + 8, start - 8, start - Page, 0];
        Put(places);
        Assert.Equal(places.Select(place => !dead.Contains(place)), Found(places.Length, [], [(OtherId, 80 * Page - 8)]));
    }

    // What lies below its descriptor is no stack, but the dynamic linker's.
    [Fact]
    public void TheFirstThreadLeavesNoStackBehind()
    {
        _first = _mapping + 80 * Page;
        WriteDescriptor(_first, 0);
        nuint[] places = [80 * Page + 8, 80 * Page - 8, 64 * Page];
        Put(places);
        Assert.Equal([true, true, true], Found(places.Length, [], []));
    }

    [Fact]
    public void WhatOnlyLooksLikeADescriptorIsNone()
    {
        *(byte**)(_mapping + 80 * Page) = _mapping + 80 * Page; // the head of an empty list
        WriteDescriptor(_mapping + 60 * Page, 0);
        *(ulong*)(_mapping + 60 * Page + 0x28) ^= 1;
        nuint[] places = [79 * Page, 59 * Page];
        Put(places);
        Assert.Equal([true, true], Found(places.Length, [], []));
    }

    // It names the block that realloc made larger last.
    [Fact]
    public void ThreadsStatesOfOursDoNot()
    {
        WriteDescriptor(_mapping + 80 * Page + 2048, OtherId);
        nuint state = 80 * Page + 2048 - 256;
        nuint[] places = [state, state + 64, state + (nuint)sizeof(ThreadState) - 8, state - 8, state + (nuint)sizeof(ThreadState)];
        Put(places);
        Assert.Equal([false, false, false, true, true], Found(places.Length, [], []));
    }

    [Fact]
    public void RegistersCount()
    {
        State state = Prepare([], [(OtherId, 0)]);
        (*state.Threads)[0]->Registers[5] = _targets[0];
        (*state.Threads)[0]->Vectors[63] = _targets[1] + 7;
        state.Roots->LookAtRegisters();
        _heap.Search->Marking.Follow();
        Assert.Equal([true, true, false], _targets.Take(3).Select(IsReached));
    }

    [Theory]
    [InlineData(true, true, false, false, true)]
    [InlineData(true, false, false, true, true)]
    [InlineData(false, true, false, false, false)]
    [InlineData(true, true, true, true, true)]
    [InlineData(true, true, true, false, false)] // of files that other processes may have only those that have no name
    [InlineData(true, false, true, true, false)]
    public void MappingsAreChosenByWhatTheyAre(bool canRead, bool canWrite, bool shared, bool anonymous, bool expected)
    {
        nuint[] places = [8];
        Put(places);
        State state = Prepare([], []);
        MemoryMapping mapping = Whole();
        mapping.CanRead = canRead;
        mapping.CanWrite = canWrite;
        mapping.IsShared = shared;
        mapping.IsAnonymous = anonymous;
        state.Roots->LookAt(mapping);
        Assert.Equal(expected, IsReached(_targets[0]));
    }

    private struct State
    {
        internal ThreadList* Threads;
        internal SearchRoots* Roots;
    }

    private State Prepare((nuint Start, nuint End)[] excluded, (int Id, nuint StackPointer)[] threads)
    {
        SearchedHeap.State* search = _heap.Find();
        Assert.True(_memory.Map(1 << 20));
        Exclusions* exclusions = (Exclusions*)_memory.Take((nuint)sizeof(Exclusions));
        ThreadList* list = (ThreadList*)_memory.Take((nuint)sizeof(ThreadList));
        SearchRoots* roots = (SearchRoots*)_memory.Take((nuint)sizeof(SearchRoots));
        exclusions->Prepare(ref _memory, excluded.Length);
        foreach ((nuint start, nuint end) in excluded)
        {
            exclusions->Add((nuint)_mapping + start, (nuint)_mapping + end);
        }

        exclusions->Sort();
        AddFolder(threads.Select(thread => thread.Id));
        list->Prepare(ref _memory, 16);
        Assert.Equal(threads.Length, list->Update());
        foreach ((int id, nuint pointer) in threads)
        {
            list->Find(id)->StackPointer = pointer != 0 ? (nuint)_mapping + pointer : 0;
        }

        *roots = SearchRoots.Of(&search->Marking, exclusions, list);
        roots->LearnThreads(_own + 1024, _own + 1024 - 256, OwnId, _first);
        return new State { Threads = list, Roots = roots };
    }

    // The first targets, one at each place.
    private void Put(nuint[] places)
    {
        foreach (nuint place in places)
        {
            *(nuint*)(_mapping + place) = _targets[_used++] + 3;
        }
    }

    private bool[] Found(int count, (nuint Start, nuint End)[] excluded, (int Id, nuint StackPointer)[] threads)
    {
        State state = Prepare(excluded, threads);
        state.Roots->LookAt(Whole());
        _heap.Search->Marking.Follow();
        return [.. _targets.Take(count).Select(IsReached)];
    }

    private bool IsReached(nuint block) => _heap.Search->Blocks.Reached.Has(_heap.At(block));

    private MemoryMapping Whole() => new() { Start = (nuint)_mapping, End = (nuint)_mapping + Pages * Page, CanRead = true, CanWrite = true, IsAnonymous = true, IsStack = _isStack };

    private static void WriteDescriptor(byte* place, int id)
    {
        *(byte**)place = place;
        *(ulong*)(place + 0x28) = Canary;
        *(int*)(place + IdOffset) = id;
    }

    // Entries as getdents64 gives them.
    private static void AddFolder(IEnumerable<int> ids)
    {
        List<byte> entries = [];
        foreach (string name in ids.Select(id => id.ToString()).Prepend("..").Prepend("."))
        {
            byte[] entry = new byte[(19 + name.Length + 1 + 7) / 8 * 8];
            entry[16] = (byte)entry.Length;
            Encoding.ASCII.GetBytes(name).CopyTo(entry, 19);
            entries.AddRange(entry);
        }

        Os.Files["/proc/0/task"] = ([.. entries], 0, 0);
    }
}

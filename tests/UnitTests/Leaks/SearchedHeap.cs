using System;
using System.Collections.Generic;
using System.Linq;

namespace NativeMalloc.UnitTests;

/// <summary>A heap with blocks of all kinds, which hold nothing but what a test writes, and a search of it.</summary>
internal sealed unsafe class SearchedHeap : IDisposable
{
    private SearchMemory _memory;
    private SearchMemory _stack;
    private State* _state;

    /// <summary>What refers to each other, at a place that stays.</summary>
    internal struct State
    {
        internal BlockMap Blocks;
        internal OwnMemory Reading;
        internal PresentPages Present;
        internal Marking Marking;
    }

    /// <summary>Of an empty heap: other tests' huge pages are forgotten.</summary>
    internal SearchedHeap()
    {
        for (nuint start = 0; PageMap.NextHugePage(ref start) != null;)
        {
            PageMap.SetHugePage(start, null);
        }
    }

    internal State* Search => _state;

    /// <summary>Blocks in use: where each begins, and its bytes.</summary>
    internal SortedList<nuint, nuint> Blocks { get; } = [];

    /// <summary>Where objects were that were given back.</summary>
    internal List<nuint> Free { get; } = [];

    /// <summary>Objects of the sizes, of which one in so many stays in use, in spans of their class or in remnants; and large blocks.</summary>
    internal void Fill(Random random, int objects, int[] sizes, int oneIn, bool remnants, int large)
    {
        foreach (int size in sizes)
        {
            nuint sizeClass = SizeClasses.Of((nuint)size);
            List<nuint> back = [];
            for (int i = 0; i < objects; i++)
            {
                void* block;
                Assert(CentralFreeLists.Take(sizeClass, &block, 1) == 1);
                Shim.Fill(block, 0, SizeClasses.Size(sizeClass));
                if (random.Next(oneIn) == 0)
                {
                    Blocks[(nuint)block] = SizeClasses.Size(sizeClass);
                }
                else
                {
                    back.Add((nuint)block);
                }
            }

            Free.AddRange(back);
            foreach (nuint block in back)
            {
                void* item = (void*)block;
                CentralFreeLists.Give(sizeClass, &item, 1);
            }

            if (remnants)
            {
                CentralFreeLists.First(sizeClass)->Shed(sizeClass, int.MaxValue, all: true);
            }
        }

        for (int i = 0; i < large; i++)
        {
            nuint bytes = (nuint)random.Next(SizeClasses.MaxSize + 1, 3 << 20);
            nuint block = (nuint)LargeBlocks.Allocate(bytes, 16);
            Assert(block != 0);
            Blocks[block] = PageMap.SpanOf(block)->BlockBytes;
        }

    }

    /// <summary>Objects that remnants are cut into.</summary>
    internal void TakeFromRemnants(Random random, int count)
    {
        for (int i = 0; i < count; i++)
        {
            nuint sizeClass = SizeClasses.Of((nuint)random.Next(1, 2000));
            void* block;
            if (Heap.Remnants->Take(sizeClass, &block, 1) == 1)
            {
                Shim.Fill(block, 0, SizeClasses.Size(sizeClass));
                Blocks[(nuint)block] = SizeClasses.Size(sizeClass);
            }
        }
    }

    /// <summary>Looks where the blocks are, and readies a search.</summary>
    internal State* Find(bool loads = false)
    {
        Assert(_memory.Map(BlockMap.BytesNeeded() + OwnMemory.BytesNeeded() + PresentPages.BytesNeeded() + (nuint)sizeof(State)));
        _state = (State*)_memory.Take((nuint)sizeof(State));
        _state->Reading.Prepare(ref _memory);
        _state->Present.Open(ref _memory);
        _state->Blocks.Fill(ref _memory);
        Assert(_stack.Map(Marking.BytesNeeded(_state->Blocks.Count)));
        _state->Marking.Prepare(ref _stack, &_state->Blocks, &_state->Reading, &_state->Present);
        _state->Marking.Loads = loads;
        for (int row = 0; loads && row < _state->Blocks.Rows; row++)
        {
            _state->Blocks.RowAt(row, out nuint start, out nuint end);
            _state->Blocks.NotePlain(start, end);
        }

        return _state;
    }

    internal Block At(nuint address)
    {
        Assert(_state->Blocks.TryFind(address, out Block block));
        return block;
    }

    public void Dispose()
    {
        _memory.Unmap();
        _stack.Unmap();
        Os.Reset();
    }

    private static void Assert(bool condition) => Xunit.Assert.True(condition);
}

using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What blocks lead to, and who stands for those that nothing leads to, over random graphs of blocks.</summary>
public sealed unsafe class MarkingTests : AllocatorTest, IDisposable
{
    private readonly SearchedHeap _heap = new();
    private readonly Dictionary<nuint, List<nuint>> _edges = [];

    public MarkingTests() => EmptyHeap();

    public void Dispose()
    {
        _heap.Dispose();
        EmptyHeap();
    }

    [Theory]
    [InlineData(1, 0.5, false)]
    [InlineData(2, 1, false)]
    [InlineData(3, 1.5, false)]
    [InlineData(4, 0.9, true)]
    [InlineData(5, 1.1, true)]
    public void WhatRootsLeadToIsReachedAndNothingElse(int seed, double edgesPerBlock, bool loads)
    {
        Random random = new(seed);
        Make(random, edgesPerBlock);
        nuint[] roots = [.. _edges.Keys.Where(_ => random.Next(50) == 0)];
        SearchedHeap.State* search = _heap.Find(loads);
        nuint[] words = [.. roots.Select(root => root + (nuint)random.NextInt64((long)_heap.Blocks[root])), 0, 1, nuint.MaxValue, Os.Space.HeapStart - 8];
        fixed (nuint* first = words)
        {
            search->Marking.Look((ulong*)first, (nuint)words.Length);
        }

        search->Marking.Follow();
        HashSet<nuint> reached = ReachableFrom(roots);
        Assert.NotInRange(reached.Count, 0, _heap.Blocks.Count / 100);
        foreach (nuint block in _heap.Blocks.Keys)
        {
            Assert.Equal(reached.Contains(block), search->Blocks.Reached.Has(_heap.At(block)));
        }
    }

    [Theory]
    [InlineData(11, 0.3, false)]
    [InlineData(12, 1, false)]
    [InlineData(13, 2, false)]
    [InlineData(14, 0.8, true)]
    [InlineData(15, 1, true)]
    public void OneStandsForThoseThatItLeadsTo(int seed, double edgesPerBlock, bool loads)
    {
        Random random = new(seed);
        Make(random, edgesPerBlock);
        nuint root = _edges.Keys.ElementAt(random.Next(_edges.Count));
        SearchedHeap.State* search = _heap.Find(loads);
        search->Marking.Reach(_heap.At(root));
        search->Marking.Follow();
        search->Marking.Divide();

        HashSet<nuint> reached = ReachableFrom([root]);
        nuint[] lost = [.. _heap.Blocks.Keys.Where(block => !reached.Contains(block))];
        Assert.Equal((nuint)lost.Length, search->Blocks.Count);
        Assert.All(reached, block => Assert.False(search->Blocks.TryFind(block, out _)));
        HashSet<nuint> leaders = [.. lost.Where(block => !search->Blocks.Pointed.Has(_heap.At(block)))];
        Assert.Equal(lost.Length, ReachableFrom(leaders).Except(reached).Count()); // all are led to
        foreach (nuint leader in leaders)
        {
            Assert.DoesNotContain(ReachableFrom([leader]), other => other != leader && leaders.Contains(other)); // and none leads to another
        }
    }

    // Groups that nothing leads to: blocks in a ring, and a row of others behind one of them; or one that points to itself.
    [Fact]
    public void OneOfEachRingStandsForItAndWhatIsBehind()
    {
        Random random = new(9);
        _heap.Fill(random, 3000, [64], 1, remnants: false, large: 0);
        nuint[] blocks = [.. _heap.Blocks.Keys.OrderBy(_ => random.Next())];
        List<(HashSet<nuint> Ring, HashSet<nuint> Behind)> groups = [];
        for (int next = 0; next + 10 < blocks.Length;)
        {
            nuint[] ring = blocks[next..(next += random.Next(1, 6))];
            nuint[] behind = blocks[next..(next += ring.Length == 1 ? 0 : random.Next(5))];
            for (int i = 0; i < ring.Length; i++)
            {
                *(nuint*)ring[i] = ring[(i + 1) % ring.Length];
            }

            for (int i = 0; i < behind.Length; i++)
            {
                *((nuint*)(i == 0 ? ring[0] : behind[i - 1]) + 1) = behind[i];
            }

            groups.Add(([.. ring], [.. behind]));
        }

        SearchedHeap.State* search = _heap.Find();
        search->Marking.Divide();
        foreach ((HashSet<nuint> ring, HashSet<nuint> behind) in groups)
        {
            Assert.Single(ring, block => !search->Blocks.Pointed.Has(_heap.At(block)));
            Assert.All(behind, block => Assert.True(search->Blocks.Pointed.Has(_heap.At(block))));
        }
    }

    // Of a large block only pages that hold something are looked at.
    [Fact]
    public void UntouchedPagesOfLargeBlocksAreNotRead()
    {
        _heap.Fill(new Random(1), 100, [64], 1, remnants: false, large: 0);
        nuint large = (nuint)LargeBlocks.Allocate(64 << 20, PageMap.PageSize);
        nuint[] targets = [.. _heap.Blocks.Keys.Take(3)];
        *(nuint*)(large + 8) = targets[0];
        *(nuint*)(large + (40 << 20)) = targets[1];
        *(nuint*)(large + (50 << 20)) = targets[2]; // said to be untouched below
        List<nuint> asked = [];
        Os.Files["/proc/thread-self/pagemap"] = ([], 0, 0);
        Os.PageEntry = page =>
        {
            asked.Add(page);
            return page * 4096 - large is >= 50 << 20 and < 51 << 20 ? 0 : 1UL << 63;
        };
        SearchedHeap.State* search = _heap.Find();
        search->Marking.Reach(_heap.At(large));
        search->Marking.Follow();
        Assert.Equal([true, true, false], targets.Select(target => search->Blocks.Reached.Has(_heap.At(target))));
        Assert.InRange(asked.Count, (63 << 20) / 4096, (64 << 20) / 4096); // at its ends, all is read
    }

    // What a program has taken the permissions of reads as nothing.
    [Fact]
    public void WhatCannotBeReadLeadsToNothing()
    {
        _heap.Fill(new Random(1), 100, [64], 1, remnants: false, large: 0);
        nuint large = (nuint)LargeBlocks.Allocate(64 << 10, PageMap.PageSize);
        nuint[] targets = [.. _heap.Blocks.Keys.Take(3)];
        *(nuint*)(large + 4088) = targets[0];
        *(nuint*)(large + 5000 / 8 * 8) = targets[1];
        *(nuint*)(large + 8192) = targets[2];
        SearchedHeap.State* search = _heap.Find();
        Assert.True(Os.Withdraw((byte*)large + 4096, 4096));
        search->Marking.Reach(_heap.At(large));
        search->Marking.Follow();
        Assert.Equal([true, false, true], targets.Select(target => search->Blocks.Reached.Has(_heap.At(target))));
        Assert.Equal(0, search->Reading.Error);
    }

    private void Make(Random random, double edgesPerBlock)
    {
        _heap.Fill(random, 1500, [16, 48, 208, 1000, 9000, 40000], 2, remnants: false, large: 5);
        _heap.Fill(random, 3000, [64, 512], 20, remnants: true, large: 0);
        _heap.TakeFromRemnants(random, 300);
        Assert.True(Heap.Remnants->Bytes > 0);
        nuint[] blocks = [.. _heap.Blocks.Keys];
        foreach (nuint block in blocks)
        {
            Shim.Fill((void*)block, 0, _heap.Blocks[block]); // remnants' may hold what they held before
            _edges[block] = [];
        }

        for (int i = 0; i < (int)(blocks.Length * edgesPerBlock); i++)
        {
            nuint from = blocks[random.Next(blocks.Length)];
            nuint to = blocks[random.Next(blocks.Length)];
            nuint word = (nuint)random.Next(_heap.Blocks[from] > 1 << 20 ? 1 << 17 : (int)_heap.Blocks[from] / 8);
            nuint* place = (nuint*)from + word;
            if (*place == 0)
            {
                *place = to + (nuint)random.NextInt64((long)_heap.Blocks[to]);
                _edges[from].Add(to);
            }
        }
    }

    private HashSet<nuint> ReachableFrom(IEnumerable<nuint> roots)
    {
        HashSet<nuint> reached = [.. roots];
        Stack<nuint> left = new(reached);
        while (left.TryPop(out nuint block))
        {
            foreach (nuint to in _edges[block].Where(reached.Add))
            {
                left.Push(to);
            }
        }

        return reached;
    }
}

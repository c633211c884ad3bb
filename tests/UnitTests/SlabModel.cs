using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>
/// A slab of the only CPU, over the real tiers, with the account of which objects the program has. What a slab must always
/// be is asserted after each step.
/// </summary>
internal sealed unsafe class SlabModel
{
    private const uint StackBytes = 440 * 1024;

    private readonly Dictionary<nuint, List<nuint>> _live = [];
    private readonly HashSet<nuint> _all = [];

    private readonly uint _end;

    internal SlabModel(nint budgetBytes, uint stackBytes = StackBytes)
    {
        Assert.True(Heap.Initialize()); // the tiers of the test before are forgotten
        _end = (uint)sizeof(Slab) + stackBytes;
        uint bytes = NativeMalloc.Slab.Bottom + _end;
        Slab = NativeMalloc.Slab.Create(Metadata.AllocateSparse(bytes), bytes, 1, budgetBytes);
        Shim.CurrentSlab = Slab;
    }

    internal Slab* Slab { get; }

    /// <summary>Where the test is, for its messages.</summary>
    internal string Where { get; set; } = "";

    internal int Live(nuint sizeClass) => _live.TryGetValue(sizeClass, out List<nuint> objects) ? objects.Count : 0;

    internal int Capacity(nuint sizeClass) => NativeMalloc.Slab.CapacityOf(Slab, sizeClass);

    /// <summary>A class's header lies outside of what the slab knows to be its stack.</summary>
    internal bool IsTorn(nuint sizeClass)
    {
        uint begin = BeginOf(sizeClass);
        uint limit = begin + (uint)(NativeMalloc.Slab.PlacesOf(Slab, sizeClass) * sizeof(void*));
        ulong header = Slab->Headers[sizeClass];
        return NativeMalloc.Slab.Current(header) < begin || NativeMalloc.Slab.End(header) > limit;
    }

    /// <summary>As malloc: from the slab, or else from the tier behind it.</summary>
    internal void Allocate(nuint sizeClass)
    {
        void* block;
        if (Shim.PopBatch(Slab, sizeClass, &block, 1) != 1)
        {
            Assert.Equal(1, Heap.Transfer(sizeClass)->Take(sizeClass, &block, 1));
        }

        AssertThat(_all.Add((nuint)block), $"the object {(nuint)block:x} is out already");
        if (!_live.TryGetValue(sizeClass, out List<nuint> objects))
        {
            _live[sizeClass] = objects = [];
        }

        objects.Add((nuint)block);
    }

    /// <summary>As free: to the slab, which grows where it is full, or else to the tier behind it.</summary>
    internal void Free(nuint sizeClass, int index)
    {
        List<nuint> objects = _live[sizeClass];
        void* block = (void*)objects[index];
        objects[index] = objects[^1];
        objects.RemoveAt(objects.Count - 1);
        _all.Remove((nuint)block);
        if (Shim.PushBatch(Slab, sizeClass, &block, 1) != 1
            && (!SlabCapacity.Grow(Slab, sizeClass) || Shim.PushBatch(Slab, sizeClass, &block, 1) != 1))
        {
            Heap.Transfer(sizeClass)->Give(sizeClass, &block, 1);
        }
    }

    internal void AssertInvariants()
    {
        nint capacityBytes = 0;
        nint largeBytes = 0;
        List<(uint Begin, uint Limit)> stacks = [];
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            uint begin = BeginOf(sizeClass);
            uint limit = begin + (uint)(NativeMalloc.Slab.PlacesOf(Slab, sizeClass) * sizeof(void*));
            uint current = NativeMalloc.Slab.Current(Slab->Headers[sizeClass]);
            uint end = NativeMalloc.Slab.End(Slab->Headers[sizeClass]);
            AssertThat(begin <= current && current <= end && end <= limit, $"class {sizeClass}: {begin}, {current}, {end}, {limit}");
            AssertThat(Capacity(sizeClass) <= SlabCapacity.MaxOf(sizeClass), $"class {sizeClass} has room for {Capacity(sizeClass)}");
            capacityBytes += Capacity(sizeClass) * (nint)SizeClasses.Size(sizeClass);
            largeBytes += SizeClasses.IsLarge(sizeClass) ? Capacity(sizeClass) * (nint)SizeClasses.Size(sizeClass) : 0;
            if (begin != 0)
            {
                stacks.Add((begin - (uint)sizeof(void*), limit)); // the zero word belongs to the stack
                AssertThat(*(ulong*)((byte*)Slab + begin - sizeof(void*)) == 0, $"class {sizeClass} has no zero below its stack");
            }
        }

        stacks.Sort();
        stacks.Insert(0, (0, (uint)sizeof(Slab)));
        stacks.Add((_end, uint.MaxValue));
        AssertThat(stacks.Zip(stacks.Skip(1)).All(pair => pair.First.Limit <= pair.Second.Begin), "stacks overlap");
        AssertThat(Slab->CapacityBytes == capacityBytes, $"CapacityBytes is {Slab->CapacityBytes} instead of {capacityBytes}");
        AssertThat(Slab->LargeBytes == largeBytes, $"LargeBytes is {Slab->LargeBytes} instead of {largeBytes}");
        AssertThat(capacityBytes <= Slab->BudgetBytes, $"{capacityBytes} bytes are more than the budget");
        AssertThat(largeBytes <= Slab->LargeBudgetBytes, $"{largeBytes} bytes of large objects are more than their budget");
    }

    /// <summary>Every object that left the central lists is with the program, in the slab or in a transfer cache, once.</summary>
    internal void AssertNothingLost()
    {
        HashSet<nuint> seen = [.. _all];
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            int cached = NativeMalloc.Slab.CountOf(Slab, sizeClass);
            for (int i = 0; i < cached; i++)
            {
                nuint block = *(nuint*)((byte*)Slab + BeginOf(sizeClass) + i * sizeof(void*));
                AssertThat(seen.Add(block), $"the object {block:x} is in two places");
                AssertThat(PageMap.ClassOf(block) == sizeClass, $"the object {block:x} is in another class's stack");
            }

            int known = Live(sizeClass) + cached + Heap.Transfer(sizeClass)->Count;
            nint taken = CentralFreeLists.First(sizeClass)->Out;
            AssertThat(taken == known, $"class {sizeClass}: {taken} objects are out, {known} are known");
        }
    }

    internal void FreeAll()
    {
        foreach ((nuint sizeClass, List<nuint> objects) in _live)
        {
            while (objects.Count > 0)
            {
                Free(sizeClass, objects.Count - 1);
            }
        }
    }

    private uint BeginOf(nuint sizeClass) => NativeMalloc.Slab.Current(NativeMalloc.Slab.EmptyHeaderOf(Slab, sizeClass));

    private void AssertThat(bool condition, string what)
    {
        if (!condition)
        {
            Assert.Fail($"{Where}: {what}");
        }
    }
}

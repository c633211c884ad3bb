using System;
using System.Linq;
using System.Reflection;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>What threads write to at once shares no cache line with what others use.</summary>
public sealed unsafe class CacheLineTests : AllocatorTest
{
    private const int Line = 64;

    [Fact]
    public void WhatEachClassHasBeginsWithALine()
    {
        Assert.Equal(Line, sizeof(TransferCache<FakeObjects>));
        Assert.Equal(4 * Line, sizeof(CentralFreeList<FakeSpans>));
        EmptyHeap();
        Assert.True(CentralFreeLists.First(0) != null);
        Assert.Equal((0, 0), ((int)((nint)Heap.Transfer(0) % Line), (int)((nint)CentralFreeLists.First(0) % Line)));
    }

    [Fact]
    public void WhatLiesApartIsALineFromItsNeighbours()
    {
        Apart<long> one;
        nint before = (nint)(&one.Value) - (nint)(&one);
        Assert.Equal((Line - sizeof(long), Line - sizeof(long)), ((int)before, sizeof(Apart<long>) - sizeof(long) - (int)before));
    }

    // Whatever is read beside a lock waits when that is taken.
    [Fact]
    public void EveryStaticLockLiesApart()
    {
        const BindingFlags Statics = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        FieldInfo[] all = [.. typeof(FutexLock).Assembly.GetTypes().Where(type => !type.ContainsGenericParameters)
            .SelectMany(type => type.GetFields(Statics)).Where(field => HasLock(field.FieldType))];
        Assert.InRange(all.Length, 4, int.MaxValue);
        Assert.All(all, field => Assert.True(
            field.FieldType.IsGenericType && field.FieldType.GetGenericTypeDefinition() == typeof(Apart<>), $"{field.DeclaringType}.{field.Name}"));
    }

    private static bool HasLock(Type type) =>
        type == typeof(FutexLock)
        || (type.IsValueType && !type.IsPrimitive && !type.IsEnum
            && type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Any(field => field.FieldType != type && HasLock(field.FieldType)));
}

using System.Collections.Generic;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Numbers that pass for objects, up to a limit; refuses what it did not hand out.</summary>
internal readonly unsafe struct FakeObjects : IObjectSource
{
    private static readonly HashSet<nuint> s_out = [];
    private static nuint s_next;

    /// <summary>Objects that may still be taken.</summary>
    internal static int Left { get; set; }

    internal static int Out => s_out.Count;

    internal static int Takes { get; private set; }

    internal static int Gives { get; private set; }

    internal static void Reset()
    {
        s_out.Clear();
        s_next = 1;
        Left = int.MaxValue;
        Takes = 0;
        Gives = 0;
    }

    public static int Take(nuint sizeClass, void** objects, int count)
    {
        Takes++;
        int taken = 0;
        for (; taken < count && Left > 0; Left--)
        {
            s_out.Add(s_next);
            objects[taken++] = (void*)s_next++;
        }

        return taken;
    }

    public static void Give(nuint sizeClass, void** objects, int count)
    {
        Gives++;
        Left += count;
        Assert.InRange(count, 1, SizeClasses.MaxMove);
        for (int i = 0; i < count; i++)
        {
            Assert.True(s_out.Remove((nuint)objects[i]), $"object {(nuint)objects[i]} came back twice, or never went out");
        }
    }
}

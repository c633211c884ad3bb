using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The central free lists of all classes: one for each, and where threads had to wait for that, one for each CPU. A span stays with the list
/// that it came to, and what is freed goes back to its span's list.
/// </summary>
/// <remarks>
/// A list that has no free object takes what the others have before it asks for a span: together they hold no more than one would.
/// So a class is divided for good, once it was worth it.
/// </remarks>
internal static unsafe class CentralFreeLists
{
    internal const int Most = CentralFreeList<Heap.Spans>.MostOfClass;

    private static CentralFreeList<Heap.Spans>* s_first;

    // By class: the others than the first, null where it is not divided. Touched only when one is.
    private static CentralFreeList<Heap.Spans>** s_others;
    private static bool s_anyOthers;

    // A thread makes lists.
    private static int s_divides;

    /// <summary>Makes the empty lists; false when there is no memory.</summary>
    internal static bool Initialize()
    {
        s_first = (CentralFreeList<Heap.Spans>*)Metadata.Allocate((nuint)(SizeClasses.Count * sizeof(CentralFreeList<Heap.Spans>)));
        s_others = (CentralFreeList<Heap.Spans>**)Metadata.AllocateSparse((nuint)(SizeClasses.Count * sizeof(void*)));
        s_anyOthers = false;
        return s_first != null && s_others != null;
    }

    /// <summary>There are lists at all.</summary>
    internal static bool AreReady => s_first != null;

    /// <summary>The class's first list, the only one of most.</summary>
    internal static CentralFreeList<Heap.Spans>* First(nuint sizeClass) => s_first + sizeClass;

    /// <summary>By class: the lists after the first, null where there are none. For who looks from outside.</summary>
    internal static CentralFreeList<Heap.Spans>** OthersRoot => s_others;

    /// <summary>All lists of the class, for foreach.</summary>
    internal static ClassLists Of(nuint sizeClass) => new(First(sizeClass), Others(sizeClass));

    /// <summary>The list that a small span, or one that has become a remnant, came to.</summary>
    internal static CentralFreeList<Heap.Spans>* Of(Span* span) => At(span->SizeClass, span->Home);

    /// <summary>Objects of the class that are in none of its lists: in use, or in a cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nint Out(nuint sizeClass) => s_anyOthers ? OutOfAll(sizeClass) : First(sizeClass)->Out;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint OutOfAll(nuint sizeClass)
    {
        nint objects = 0;
        foreach (CentralFreeList<Heap.Spans>* list in Of(sizeClass))
        {
            objects += list->Out;
        }

        return objects;
    }

    /// <summary>Takes up to <paramref name="count"/> objects, at most <see cref="SizeClasses.MaxMove"/>; returns how many, none when there is no memory.</summary>
    internal static int Take(nuint sizeClass, void** objects, int count) => Take(sizeClass, objects, count, out _);

    /// <summary>As <see cref="Take(nuint, void**, int)"/>, one. "holes": the units of its span on which it lies that were holes, and read zero.</summary>
    internal static bool TakeOne(nuint sizeClass, void** item, out ulong holes) => Take(sizeClass, item, 1, out holes) > 0;

    private static int Take(nuint sizeClass, void** objects, int count, out ulong holes)
    {
        if (Others(sizeClass) != null)
        {
            int number = Insiders.LineOf(Shim.Thread());
            for (int i = 0; i < Most; i++)
            {
                int taken = At(sizeClass, (number + i) % Most)->TakeFree(sizeClass, objects, count, out holes);
                if (taken > 0)
                {
                    return taken;
                }
            }

            return At(sizeClass, number % Most)->Take(sizeClass, objects, count, out holes);
        }

        int all = First(sizeClass)->Take(sizeClass, objects, count, out holes);
        DivideIfWaitedFor(sizeClass);
        return all;
    }

    /// <summary>Takes objects back; a span that has all of its objects again goes back to the page heap.</summary>
    internal static void Give(nuint sizeClass, void** objects, int count)
    {
        if (Others(sizeClass) != null)
        {
            GiveHome(sizeClass, objects, count);
            return;
        }

        First(sizeClass)->Give(sizeClass, objects, count);
        DivideIfWaitedFor(sizeClass);
    }

    // In the order that they had, to one list after the other. Who has an object may ask where it belongs: that does not change meanwhile.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void GiveHome(nuint sizeClass, void** objects, int count)
    {
        void** sorted = stackalloc void*[SizeClasses.MaxMove];
        byte* homes = stackalloc byte[SizeClasses.MaxMove];
        int* ends = stackalloc int[Most];
        Shim.Fill(ends, 0, Most * sizeof(int));
        for (int i = 0; i < count; i++)
        {
            Span* span = PageMap.SpanOf((nuint)objects[i]);
            homes[i] = span != null ? span->Home : (byte)0;
            ends[homes[i]]++;
        }

        for (int home = 1; home < Most; home++)
        {
            ends[home] += ends[home - 1];
        }

        for (int i = count - 1; i >= 0; i--)
        {
            sorted[--ends[homes[i]]] = objects[i];
        }

        for (int home = 0; home < Most; home++)
        {
            int end = home < Most - 1 ? ends[home + 1] : count; // each is where its first is by now
            if (end > ends[home])
            {
                At(sizeClass, home)->Give(sizeClass, sorted + ends[home], end - ends[home]);
            }
        }
    }

    private static CentralFreeList<Heap.Spans>* Others(nuint sizeClass) => s_anyOthers ? (CentralFreeList<Heap.Spans>*)Volatile.Read(ref ((nint*)s_others)[sizeClass]) : null;

    private static CentralFreeList<Heap.Spans>* At(nuint sizeClass, int number) => number == 0 ? First(sizeClass) : Others(sizeClass) + number - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DivideIfWaitedFor(nuint sizeClass)
    {
        if (First(sizeClass)->IsWaitedFor)
        {
            Divide(sizeClass);
        }
    }

    // Memory may take a system call, for which the class need not wait; one thread asks for that at a time, and others come by again.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Divide(nuint sizeClass)
    {
        if (Interlocked.Exchange(ref s_divides, 1) != 0)
        {
            return;
        }

        CentralFreeList<Heap.Spans>* others = Others(sizeClass) != null ? null
            : (CentralFreeList<Heap.Spans>*)Metadata.Allocate((nuint)((Most - 1) * sizeof(CentralFreeList<Heap.Spans>)));
        if (others != null)
        {
            for (int i = 0; i < Most - 1; i++)
            {
                others[i].Number = (byte)(i + 1);
            }

            Volatile.Write(ref ((nint*)s_others)[sizeClass], (nint)others);
            s_anyOthers = true;
        }

        Volatile.Write(ref s_divides, 0);
    }
}

/// <summary>The central free lists of one class, one after the other.</summary>
internal unsafe ref struct ClassLists(CentralFreeList<Heap.Spans>* first, CentralFreeList<Heap.Spans>* others)
{
    private int _number = -1;

    public readonly CentralFreeList<Heap.Spans>* Current => _number == 0 ? first : others + _number - 1;

    public readonly ClassLists GetEnumerator() => this;

    public bool MoveNext() => ++_number < (others == null ? 1 : CentralFreeLists.Most);
}

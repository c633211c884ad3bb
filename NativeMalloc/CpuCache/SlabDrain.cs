using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Gives a slab's objects back to the transfer caches. Others' slabs cannot be touched, unless they are stopped: they are asked for
/// what they hold, and each gives it at the next slow path on its CPU, or of its thread.
/// </summary>
internal static unsafe class SlabDrain
{
    private static int s_requests;

    /// <summary>Asks every slab to give back what it holds.</summary>
    internal static void Request() => Interlocked.Increment(ref s_requests);

    /// <summary>The number of the last request; a slab knows the last that it has obeyed.</summary>
    internal static int LastRequest => Volatile.Read(ref s_requests);

    /// <summary>Does what was asked of the caller's own slab since it was last here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Obey(Slab* own)
    {
        if (own->DrainsObeyed != LastRequest)
        {
            OwnWhole(own);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void OwnWhole(Slab* own)
    {
        int request = LastRequest;
        bool isEmpty = true;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            isEmpty &= Own(own, sizeClass);
        }

        own->DrainsObeyed = isEmpty ? request : own->DrainsObeyed; // else its next thread does the rest
        FrontEnd.ShareBudget(own); // the heap has fallen
        SlabCapacity.Halve(own);
    }

    /// <summary>Gives back those classes of the caller's own slab that nothing has changed since the last time.</summary>
    internal static void OwnIdle(Slab* own)
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            if (!Slab.HasStack(own, sizeClass))
            {
                continue; // it has no stack, as most in a small program
            }

            // A class that is full at each of its slow paths is not idle, though its stack always ends at the same place.
            ulong misses = (ulong)(own->Underflows[sizeClass] + own->Overflows[sizeClass]);
            ulong state = misses << 32 | Slab.Current(Slab.HeaderOf(own, sizeClass));
            if (state == own->StateBefore[sizeClass])
            {
                Own(own, sizeClass);
            }

            own->StateBefore[sizeClass] = state;
        }
    }

    /// <summary>Empties a slab that no sequence can be in, and that no handler of a signal can find.</summary>
    internal static void Stopped(Slab* slab)
    {
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            int taken;
            while ((taken = Slab.TakeStopped(slab, sizeClass, objects, SizeClasses.MaxBatch)) > 0)
            {
                Heap.Transfer(sizeClass)->Give(sizeClass, objects, taken);
            }
        }
    }

    // By sequences, since a signal handler may use the slab too; false where the slab is not the caller's any more.
    private static bool Own(Slab* own, nuint sizeClass)
    {
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        int taken = 0;
        while (Slab.CountOf(own, sizeClass) > 0 && (taken = Shim.PopBatch(own, sizeClass, objects, SizeClasses.MaxBatch)) > 0)
        {
            Heap.Transfer(sizeClass)->Give(sizeClass, objects, taken);
        }

        return taken >= 0;
    }
}

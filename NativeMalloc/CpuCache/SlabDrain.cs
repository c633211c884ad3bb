namespace NativeMalloc;

/// <summary>Gives a slab's objects back to the transfer caches.</summary>
internal static unsafe class SlabDrain
{
    /// <summary>Empties a slab that no sequence can be in: a stopped one, or the caller's own.</summary>
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
}

namespace NativeMalloc;

/// <summary>Blocks that the central free lists count as out, and that nobody uses: what slabs and transfer caches hold, and what was freed and waits.</summary>
internal static unsafe class CachedBlocks
{
    internal static void Exclude(ref BlockMap blocks)
    {
        for (nuint sizeClass = 1; Startup.IsHeapReady && sizeClass < SizeClasses.Count; sizeClass++)
        {
            for (Slab* slab = FrontEnd.NextSlab(null); slab != null; slab = FrontEnd.NextSlab(slab))
            {
                Exclude(ref blocks, Slab.ObjectsOf(slab, sizeClass, out int count), count);
            }

            Exclude(ref blocks, Heap.Transfer(sizeClass)->Objects, Heap.Transfer(sizeClass)->Count);
        }

        for (void* block = SlowPath.FirstDeferred; block != null; block = *(void**)block)
        {
            blocks.Exclude(block);
        }

        if (Options.Check)
        {
            Quarantine.Exclude(ref blocks);
        }
    }

    private static void Exclude(ref BlockMap blocks, void** objects, int count)
    {
        for (int i = 0; i < count; i++)
        {
            blocks.Exclude(objects[i]);
        }
    }
}

namespace NativeMalloc;

/// <summary>
/// How many objects of a class the transfer cache holds between one CPU and another. A cache that is too small gets an array anew; what it had is
/// never given back.
/// </summary>
internal static class TransferRoom
{
    /// <summary>This part of the heap: of all classes together, about as much as all slabs hold. And what is of use where the heap is small.</summary>
    private const int HeapFraction = 512;
    private const int LeastBytes = 4 << 10;

    /// <summary>Most objects of that size, when the heap has so many bytes; no more than a slab may hold.</summary>
    internal static int Most(int size, nuint heap)
    {
        nuint bytes = heap / HeapFraction;
        nuint part = (bytes > LeastBytes ? bytes : LeastBytes) / (nuint)size;
        return (int)part is var count && part < (nuint)ClassRoom.Most(size) ? count : ClassRoom.Most(size);
    }

    /// <summary>How many there should be room for where batches were refused that are wanted again: twice as many at least, or as many as now.</summary>
    internal static int Next(int capacity, int size, int batch, nuint heap)
    {
        int next = capacity == 0 ? batch : ClassRoom.Growth * capacity;
        int most = Most(size, heap);
        next = next < most ? next : most;
        return next >= 2 * capacity ? next : capacity;
    }
}

namespace NativeMalloc;

/// <summary>How many objects of a class the transfer cache holds between one CPU and another.</summary>
internal static class TransferRoom
{
    /// <summary>Most objects, in batches; in bytes, this part of the heap within these bounds.</summary>
    private const int MaxBatches = 256;
    private const int HeapFraction = 512;
    private const int MostBytes = 512 << 10;
    private const int LeastBytes = 16 << 10;

    private const int FirstBatches = 4;
    private const int GrowthFactor = 4;

    /// <summary>Most objects of that size, when the heap has so many bytes.</summary>
    internal static int Most(int size, int batch, nuint heap)
    {
        int most = Bytes(heap) / size;
        return most < MaxBatches * batch ? most : MaxBatches * batch;
    }

    /// <summary>How many there should be room for where batches were refused that are wanted again: more than now, or no more.</summary>
    internal static int Next(int capacity, int size, int batch, nuint heap)
    {
        int next = capacity == 0 ? FirstBatches * batch : GrowthFactor * capacity;
        int most = Most(size, batch, heap);
        return next < most ? next : most;
    }

    // It doubles as the heap does: the cache's array, which is never given back, is made anew.
    private static int Bytes(nuint heap)
    {
        int bytes = LeastBytes;
        while (bytes < MostBytes && (nuint)bytes * 2 <= heap / HeapFraction)
        {
            bytes *= 2;
        }

        return bytes;
    }
}

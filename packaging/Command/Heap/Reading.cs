using System.Diagnostics;

namespace NativeMalloc.Inspect;

/// <summary>What the doctor, and who watches, sees at one moment.</summary>
internal sealed class Reading
{
    internal required double Seconds { get; init; }
    internal required ulong Resident { get; init; }
    internal required HeapStatistics Heap { get; init; }
    internal required ClassStatistics[] Classes { get; init; }
    internal required List<SlabUse> Slabs { get; init; }

    internal static Reading Take(HeapReader reader, Stopwatch watch)
    {
        reader.Read();
        return new Reading
        {
            Resident = reader.Process.ResidentBytes,
            Seconds = watch.Elapsed.TotalSeconds,
            Heap = reader.Statistics,
            Classes = [default, .. Enumerable.Range(1, (int)SizeClasses.Count - 1).Select(sizeClass => reader.Class((nuint)sizeClass))],
            Slabs = reader.Slabs(),
        };
    }

    /// <summary>Bytes of a class's blocks that the program has.</summary>
    internal double LiveBytes(int sizeClass) => (double)Classes[sizeClass].Live * SizeClasses.Size((nuint)sizeClass);

    /// <summary>Bytes that are free in a class's spans, and hold memory.</summary>
    internal double FreeBytes(int sizeClass) =>
        Math.Max(0, (double)Classes[sizeClass].InCentral * SizeClasses.Size((nuint)sizeClass) - Classes[sizeClass].Released);
}

using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>A process that has the library: its heap, unless the library is another build.</summary>
internal sealed class HeapProcess
{
    internal required TargetProcess Process { get; init; }
    internal required Library Library { get; init; }

    /// <summary>As it was read; null where it is of another build.</summary>
    internal HeapReader? Heap { get; private init; }

    /// <summary>All processes but this one, by their numbers.</summary>
    internal static IEnumerable<int> Numbers() =>
        Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)
            .Where(number => number > 0 && number != Environment.ProcessId)
            .Order();

    /// <summary>Reads one; null if it does not run on the library.</summary>
    internal static HeapProcess? Of(int number)
    {
        TargetProcess process = new(number);
        if (process.ReadFile("cmdline").Length == 0)
        {
            return null; // one of the kernel's own, or it has ended
        }

        if (Library.Find(process, LoadedImage.Of(process, MemoryMap.Of(process))) is not { } library)
        {
            return null;
        }

        HeapReader? heap = library.IsThisBuild ? new HeapReader(process, library) : null;
        heap?.Read();
        return new HeapProcess { Process = process, Library = library, Heap = heap };
    }
}

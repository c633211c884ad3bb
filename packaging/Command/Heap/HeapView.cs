namespace NativeMalloc.Inspect;

/// <summary>A heap at one moment: what a process or a file says of it.</summary>
internal abstract class HeapView
{
    /// <summary>Of the process.</summary>
    internal abstract int Number { get; }

    internal HeapTraits Traits { get; private protected set; }

    internal HeapStatistics Statistics { get; private protected set; }

    /// <summary>By their addresses.</summary>
    internal abstract IReadOnlyList<HugePageUse> HugePages { get; }

    /// <summary>What one class had.</summary>
    internal abstract ClassStatistics Class(nuint sizeClass);

    /// <summary>A process by its number, or a file that one wrote.</summary>
    internal static HeapView Of(string source) =>
        int.TryParse(source, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int number)
            ? HeapReader.Of(number)
            : HeapFile.Read(source);
}

/// <summary>A huge page, and how many of its 256 pages are used, and without memory.</summary>
internal readonly record struct HugePageUse(nuint Start, int Used, int Released)
{
    internal const int Pages = PageBits.Pages;

    internal int Free => Pages - Used - Released;
}

namespace NativeMalloc.Benchmarks;

/// <summary>An allocator to be measured: what a process runs with so that its malloc is that one.</summary>
/// <param name="Name">As it appears in the report.</param>
/// <param name="Preload">The path of its library; empty for the C library's own.</param>
/// <param name="Index">NativeMalloc's way to find its cache (NATIVEMALLOC_INDEX); null for others.</param>
/// <param name="Kind">Whose it is.</param>
internal sealed record Allocator(string Name, string Preload, string? Index, AllocatorKind Kind)
{
    internal const string BaselineName = "glibc";
    internal const string OursName = "NativeMalloc";

    /// <summary>Nobody's: the loops run without allocating, which tells what they cost themselves.</summary>
    internal const string LoopName = "loop";

    /// <summary>All that a report knows, the baseline first.</summary>
    internal static IReadOnlyList<Allocator> All { get; } = [.. List()];

    /// <summary>Those that are on this machine.</summary>
    internal static IReadOnlyList<Allocator> Installed { get; } = [.. All.Where(allocator => allocator.Preload == "" || File.Exists(allocator.Preload))];

    /// <summary>What perf/peers.sh fetched, by versions.</summary>
    internal static string Versions => string.Join(", ", All.Where(allocator => allocator.Kind == AllocatorKind.Peer && File.Exists(allocator.Preload))
        .Select(allocator => Path.GetFileNameWithoutExtension(allocator.Preload).Replace($"{allocator.Name}-", $"{allocator.Name} ")));

    /// <summary>Whether it is NativeMalloc, in one of its forms.</summary>
    internal static bool IsOurs(string name) => All.Any(allocator => allocator.Name == name && allocator.Kind is (AllocatorKind.Ours or AllocatorKind.OurVariant));

    /// <summary>The environment that makes it a process's malloc.</summary>
    internal IEnumerable<(string Name, string Value)> Environment
    {
        get
        {
            if (Preload != "")
            {
                yield return ("LD_PRELOAD", Preload);
            }

            if (Index != null)
            {
                yield return ("NATIVEMALLOC_INDEX", Index);
            }

            if (Kind == AllocatorKind.Loop)
            {
                yield return ("PERF_LOOP_ONLY", "1");
            }
        }
    }

    private static IEnumerable<Allocator> List()
    {
        string ours = Path.GetFullPath("out/libnativemalloc.so");
        yield return new(BaselineName, "", null, AllocatorKind.Baseline);
        yield return new(OursName, ours, "mm_cid", AllocatorKind.Ours);
        yield return new("NativeMalloc, cpu_id", ours, "cpu_id", AllocatorKind.OurVariant);
        yield return new("NativeMalloc, per thread", ours, "thread", AllocatorKind.OurVariant);
        foreach (string peer in (string[])["jemalloc", "mimalloc", "tcmalloc-minimal", "scudo"])
        {
            yield return new(peer, Fetched(peer), null, AllocatorKind.Peer);
        }

        yield return new(LoopName, "", null, AllocatorKind.Loop);
    }

    private static string Fetched(string peer) =>
        Directory.CreateDirectory(Path.GetFullPath("out/perf/peers")).GetFiles($"{peer}-*.so").FirstOrDefault()?.FullName ?? $"(no {peer})";
}

/// <summary>Whose an allocator is, which says what its figures are compared with.</summary>
internal enum AllocatorKind
{
    Baseline,
    Ours,
    OurVariant,
    Peer,
    Loop,
}

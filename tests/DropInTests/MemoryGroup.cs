using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>A control group of its own, of either version, with a limit on memory or within one that has; gone when it is disposed of.</summary>
internal sealed class MemoryGroup : IDisposable
{
    private static readonly (string Folder, string Limit, string Members) s_first = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "cgroup.procs");
    private static readonly (string Folder, string Limit, string Members) s_second = ("/sys/fs/cgroup", "memory.max", "cgroup.procs");

    private readonly string _folder;

    internal MemoryGroup(long bytes)
        : this((Directory.Exists(s_first.Folder) ? s_first : s_second).Folder)
    {
        try
        {
            File.WriteAllText(LimitFile, bytes.ToString());
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private MemoryGroup(string parent)
    {
        _folder = Path.Combine(parent, "nativemalloc." + Guid.NewGuid().ToString("N")[..8]);
        Members = Path.Combine(_folder, (Directory.Exists(s_first.Folder) ? s_first : s_second).Members);
        Directory.CreateDirectory(_folder);
    }

    /// <summary>Of version 2's it is memory.max.</summary>
    internal string LimitFile => Path.Combine(_folder, (Directory.Exists(s_first.Folder) ? s_first : s_second).Limit);

    /// <summary>Who writes a process's number there makes it a member.</summary>
    internal string Members { get; }

    /// <summary>A group within this one, without a limit of its own.</summary>
    internal MemoryGroup Nest() => new(_folder);

    /// <summary>Why there can be none here; null if there can.</summary>
    internal static string? Obstacle { get; } = FindObstacle();

    /// <summary>Runs a shell's command as a member of the group.</summary>
    internal Outcome Run(string command) => Command.Shell($"echo $$ > {Members} && {command}").Run();

    public void Dispose() => Directory.Delete(_folder);

    private static string? FindObstacle()
    {
        try
        {
            using MemoryGroup group = new(64 << 20);
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "no control group with a limit on memory can be made here: " + failure.Message;
        }
    }
}

/// <summary>A test that needs a <see cref="MemoryGroup"/>.</summary>
internal sealed class MemoryGroupFactAttribute : FactAttribute
{
    public MemoryGroupFactAttribute() => Skip = MemoryGroup.Obstacle;
}

/// <summary>The same, for each of several data.</summary>
internal sealed class MemoryGroupTheoryAttribute : TheoryAttribute
{
    public MemoryGroupTheoryAttribute() => Skip = MemoryGroup.Obstacle;
}

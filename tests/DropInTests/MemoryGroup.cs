using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>A control group of its own with a limit on memory, of either version; gone when it is disposed of.</summary>
internal sealed class MemoryGroup : IDisposable
{
    private static readonly (string Folder, string Limit, string Members) s_first = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "cgroup.procs");
    private static readonly (string Folder, string Limit, string Members) s_second = ("/sys/fs/cgroup", "memory.max", "cgroup.procs");

    private readonly string _folder;
    private readonly string _members;

    internal MemoryGroup(long bytes)
    {
        (string parent, string limit, string members) = Directory.Exists(s_first.Folder) ? s_first : s_second;
        _folder = Path.Combine(parent, "nativemalloc." + Guid.NewGuid().ToString("N")[..8]);
        _members = Path.Combine(_folder, members);
        Directory.CreateDirectory(_folder);
        try
        {
            File.WriteAllText(Path.Combine(_folder, limit), bytes.ToString());
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Why there can be none here; null if there can.</summary>
    internal static string? Obstacle { get; } = FindObstacle();

    /// <summary>Runs a shell's command as a member of the group.</summary>
    internal Outcome Run(string command) => Command.Shell($"echo $$ > {_members} && {command}").Run();

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

using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>A test with a tracer of the kernel's, where it may be had: as root, with tracefs and uprobes.</summary>
internal sealed class UprobeFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> s_obstacle = new(FindObstacle);

    public UprobeFactAttribute() => Skip = s_obstacle.Value;

    internal static string Script { get; } = Path.Combine(Repository.Root, "tests", "uprobes.sh");

    private static string? FindObstacle()
    {
        Outcome outcome = new Command(Script).Run();
        return outcome.ExitCode == 0 ? null : "no uprobes here: " + outcome.Error.Trim();
    }
}

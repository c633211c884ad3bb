using System.Text.Json;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>Limits that are percentages of what the control group may have.</summary>
public sealed class ContainerTests
{
    private const long MiB = 1 << 20;

    // It dies under each allocator that does not know the group's limit, as soon as what one round left free is of no use to the next.
    [MemoryGroupTheory]
    [InlineData("mm_cid", false)]
    [InlineData("thread", true)]
    public void HeapThatComesAndGoesLivesInAGroupThatItFillsNearly(string index, bool nested)
    {
        using MemoryGroup group = new(256 * MiB);
        using MemoryGroup? inner = nested ? group.Nest() : null;
        string options = $"NATIVEMALLOC_INDEX={index} NATIVEMALLOC_SOFT_LIMIT=80%";
        string program = TestProgram.Path("container") + " 225 5 1000";
        (inner ?? group).Run($"{options} LD_PRELOAD={Repository.Library} {program}").Succeeded();
        if (!nested)
        {
            Assert.NotEqual(0, group.Run(program).ExitCode); // glibc's, or the test would show nothing
        }
    }

    [MemoryGroupTheory]
    [InlineData("mm_cid")]
    [InlineData("thread")]
    public void NothingIsServedAboveThePercentageAndAllBelow(string index)
    {
        using MemoryGroup group = new(128 * MiB);
        using MemoryGroup inner = group.Nest();
        inner.Run($"NATIVEMALLOC_INDEX={index} NATIVEMALLOC_LIMIT=50% LD_PRELOAD={Repository.Library} {TestProgram.Path("limited")} hard 3000").Succeeded();
    }

    [MemoryGroupFact]
    public void StatisticsFollowTheLimit()
    {
        using MemoryGroup group = new(512 * MiB);
        using MemoryGroup inner = group.Nest();
        JsonElement[] limits = Relimited(inner, $"echo {256 * MiB} > {group.LimitFile}");
        AssertNotKnown(limits[0]);
        AssertKnown(limits[1], 512 * MiB, group.LimitFile);
        AssertKnown(limits[2], 512 * MiB, group.LimitFile); // not looked up again yet
        AssertKnown(limits[3], 256 * MiB, group.LimitFile);
    }

    [MemoryGroupFact]
    public void AProcessThatIsMovedIsFound()
    {
        using MemoryGroup group = new(512 * MiB);
        using MemoryGroup other = new(300 * MiB);
        JsonElement[] limits = Relimited(group, $"echo $PPID > {other.Members}");
        AssertKnown(limits[1], 512 * MiB, group.LimitFile);
        AssertKnown(limits[3], 300 * MiB, other.LimitFile);
    }

    // The kernel's files as they are in a container of version 2, written by hand: most machines can have those.
    [UserNamespaceFact]
    public void TheSecondVersionsFilesAreRead()
    {
        string folder = Repository.NewFolder("second");
        string pod = Path.Combine(folder, "kube pods", "pod");
        Directory.CreateDirectory(Path.Combine(pod, "container"));
        File.WriteAllText(Path.Combine(folder, "kube pods", "memory.max"), "max\n");
        File.WriteAllText(Path.Combine(pod, "memory.max"), "314572800\n");
        File.WriteAllText(Path.Combine(pod, "memory.high"), "max\n");
        File.WriteAllText(Path.Combine(pod, "container", "memory.max"), "400000000\n");
        string script = $"""
            mount -t tmpfs none /proc
            mkdir /proc/self
            echo '0::/kube pods/pod/container' > /proc/self/cgroup
            echo '1 2 0:3 / / rw - ext4 /dev/sda rw' > /proc/self/mountinfo
            echo '36 1 0:30 / {folder.Replace(" ", @"\040")} rw,nosuid shared:9 - cgroup2 cgroup2 rw' >> /proc/self/mountinfo
            NATIVEMALLOC_LIMIT=80% NATIVEMALLOC_SOFT_LIMIT=50% LD_PRELOAD={Repository.Library} {TestProgram.Path("relimited")} 'echo 209715200 > "{pod}/memory.high"'
            """;
        JsonElement[] limits = Read(UserNamespaceFactAttribute.Command(script).Run());
        AssertKnown(limits[1], 300 * MiB, Path.Combine(pod, "memory.max"));
        AssertKnown(limits[3], 200 * MiB, Path.Combine(pod, "memory.high"));
    }

    [Fact]
    public void ASmallProgramOpensNoFileForIt()
    {
        string Opened(string program) =>
            new Command("strace", "-f", "-e", "trace=openat,sysinfo", "sh", "-c", $"NATIVEMALLOC_SOFT_LIMIT=80% LD_PRELOAD={Repository.Library} {program}").Run().Succeeded().Error;
        Assert.DoesNotContain("cgroup", Opened("/bin/true"));
        Assert.DoesNotContain("cgroup", Opened(TestProgram.Path("container") + " 1 2 0"));
        Assert.Contains("\"/proc/self/cgroup\"", Opened(TestProgram.Path("container") + " 8 1 0"));
    }

    [Fact]
    public void ReportsSayThatALimitIsRelative()
    {
        string report = TestProgram.Run("container", "8", "1", "0").Preloaded().With("NATIVEMALLOC_STATS", "1").With("NATIVEMALLOC_VERBOSE", "1")
            .With("NATIVEMALLOC_LIMIT", "100%").With("NATIVEMALLOC_SOFT_LIMIT", "80%").Run().Succeeded().Error;
        Assert.Matches(@"^nativemalloc .*, index \w+, limit 100% of what the control group may have, soft limit 80% of what the control group may have\n", report);
        Assert.Matches(@"(?m)^  limit +\d+\.\d [KM]iB: 100% of the (\d+ bytes in /\S+|machine's \d+ bytes)$", report);
        Assert.Matches(@"(?m)^  soft limit +\d+\.\d [KM]iB: 80% of ", report);
        string small = new Command("true").Preloaded().With("NATIVEMALLOC_STATS", "1").With("NATIVEMALLOC_LIMIT", "90%").Run().Succeeded().Error;
        Assert.Matches(@"(?m)^  limit +none yet: 90% of what the control group may have$", small);
        Assert.DoesNotContain("soft limit", small);
    }

    private static JsonElement[] Relimited(MemoryGroup group, string command) =>
        Read(group.Run($"NATIVEMALLOC_LIMIT=80% NATIVEMALLOC_SOFT_LIMIT=50% LD_PRELOAD={Repository.Library} {TestProgram.Path("relimited")} '{command}'"));

    private static JsonElement[] Read(Outcome outcome)
    {
        JsonElement[] limits = outcome.Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(4, limits.Length);
        return limits;
    }

    private static void AssertNotKnown(JsonElement limits)
    {
        Assert.Equal((80, 50), (limits.Number("limit_percent"), limits.Number("soft_limit_percent")));
        Assert.All(["limit", "soft_limit", "of", "by"], name => Assert.Equal(JsonValueKind.Null, limits.GetProperty(name).ValueKind));
    }

    private static void AssertKnown(JsonElement limits, long of, string file)
    {
        Assert.Equal((of, of * 8 / 10, of / 2), (limits.Number("of"), limits.Number("limit"), limits.Number("soft_limit")));
        Assert.Equal(file, limits.GetProperty("by").GetString());
    }
}

/// <summary>A test that mounts file systems of its own, as the root of a user namespace.</summary>
internal sealed class UserNamespaceFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> s_obstacle = new(() =>
        Command("mount -t tmpfs none /proc").Run() is { ExitCode: not 0 } failed ? "no mounts in a user namespace here: " + failed.Error : null);

    public UserNamespaceFactAttribute() => Skip = s_obstacle.Value;

    internal static Command Command(string script) => new("unshare", "--user", "--map-root-user", "--mount", "sh", "-e", "-c", script);
}

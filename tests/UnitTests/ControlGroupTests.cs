using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Files as kernels and containers write them, and what is found in them.</summary>
public sealed unsafe class ControlGroupTests : AllocatorTest
{
    private const ulong MiB = 1 << 20;
    private const ulong NoneInFirstVersion = 9223372036854771712;

    private const string FirstVersion = """
        22 27 0:21 / /proc rw,relatime shared:12 - proc proc rw
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:5 master:1 - cgroup cgroup rw,cpu
        35 31 0:32 ROOT /sys/fs/cgroup/memory rw,relatime shared:7 - cgroup cgroup rw,memory

        """;

    private const string SecondVersion = """
        22 27 0:21 / /proc rw,relatime - proc proc rw
        36 22 0:30 ROOT /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot

        """;

    [Theory]
    [InlineData("/", "/a/b", "/sys/fs/cgroup/a/b")] // no namespace, all of the hierarchy
    [InlineData("/a", "/a/b", "/sys/fs/cgroup/b")] // a part of it is mounted
    [InlineData("/a/b", "/a/b", "/sys/fs/cgroup")]
    [InlineData("/", "/", "/sys/fs/cgroup")] // the namespace's own root
    [InlineData("/..", "/..", "/sys/fs/cgroup")] // around the namespace's root
    [InlineData("/..", "/../b/c", "/sys/fs/cgroup/b/c")]
    [InlineData("/../..", "/", "/sys/fs/cgroup")] // from there on its names are not known
    [InlineData("/../..", "/b", "/sys/fs/cgroup")]
    [InlineData("/../..", "/../b", "/sys/fs/cgroup")]
    [InlineData("/a", "/ab", null)]
    [InlineData("/ab", "/a", null)]
    [InlineData("/a/b", "/a", null)]
    [InlineData("/", "/../b", null)] // not in what is mounted
    [InlineData("/a", "/b", null)]
    [InlineData("/../a", "/b", null)]
    [InlineData("/...", "/", null)] // a name as any other
    [InlineData("/\\040a\\134b\\011", "/ a\\b\t/c", "/sys/fs/cgroup/c")]
    public void TheGroupsFolderIsFoundBelowTheMountPoint(string root, string group, string folder)
    {
        Write("/proc/self/cgroup", "0::" + group + "\n");
        Write("/proc/self/mountinfo", SecondVersion.Replace("ROOT", root));
        Write((folder ?? "/nowhere") + "/memory.max", "536870912\n");
        AssertFound(folder != null ? 512 * MiB : Os.Memory, folder != null ? folder + "/memory.max" : "", seen: folder != null);
    }

    [Theory]
    [InlineData("max", "max", "max", "max", 65536, "")]
    [InlineData("500M", "max", "max", "max", 500, "/kube/pod/app/memory.max")]
    [InlineData("500M", "400M", "max", "max", 400, "/kube/pod/app/memory.high")]
    [InlineData("500M", "500M", "500M", "500M", 500, "/kube/pod/app/memory.max")]
    [InlineData("500M", "max", "300M", "max", 300, "/kube/pod/memory.max")]
    [InlineData("max", "max", "max", "200M", 200, "/kube/pod/memory.high")]
    [InlineData("70000M", "max", "max", "max", 65536, "")] // more than there is
    [InlineData(null, null, "300M", "max", 300, "/kube/pod/memory.max")] // not every group has the controller
    public void TheLeastLimitUpTheTreeHolds(string max, string high, string outerMax, string outerHigh, ulong mebibytes, string file)
    {
        Write("/proc/self/cgroup", "0::/kube/pod/app\n");
        Write("/proc/self/mountinfo", SecondVersion.Replace("ROOT", "/"));
        WriteLimit("/sys/fs/cgroup/kube/pod/app/memory.max", max);
        WriteLimit("/sys/fs/cgroup/kube/pod/app/memory.high", high);
        WriteLimit("/sys/fs/cgroup/kube/pod/memory.max", outerMax);
        WriteLimit("/sys/fs/cgroup/kube/pod/memory.high", outerHigh);
        WriteLimit("/sys/fs/cgroup/kube/memory.max", "max");
        AssertFound(mebibytes * MiB, file.Length > 0 ? "/sys/fs/cgroup" + file : "");
    }

    [Theory]
    [InlineData("512M", "none", "none", 512, "/docker/c/memory.limit_in_bytes")]
    [InlineData("none", "256M", "256M", 256, "/docker/memory.limit_in_bytes")]
    [InlineData("none", "none", "128M", 128, "/docker/c/memory.stat")] // of a group that cannot be seen
    [InlineData("none", "none", "none", 65536, "")]
    public void TheFirstVersionsNumbersAreRead(string limit, string outer, string hierarchical, ulong mebibytes, string file)
    {
        Write("/proc/self/cgroup", "9:name=systemd:/memory\n8:pids:/\n5:memory,hugetlb:/docker/c\n1:cpu,cpuacct:/\n0::/unified\n");
        Write("/proc/self/mountinfo", FirstVersion.Replace("ROOT", "/") + SecondVersion.Replace("ROOT", "/"));
        WriteLimit("/sys/fs/cgroup/memory/docker/c/memory.limit_in_bytes", limit);
        WriteLimit("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", outer);
        Write("/sys/fs/cgroup/memory/docker/c/memory.stat", $"cache 1\nhierarchical_memory_limi 3\nhierarchical_memory_limit {InBytes(hierarchical)}\nhierarchical_memsw_limit 5\n");
        WriteLimit("/sys/fs/cgroup/unified/memory.max", "1M"); // it limits nothing while the controller is the other's
        AssertFound(mebibytes * MiB, file.Length > 0 ? "/sys/fs/cgroup/memory" + file : "");
    }

    // The kernel's own order is another, and a line may be the last without an end.
    [Theory]
    [InlineData("0::/u\n4:memory:/docker/c")]
    [InlineData("4:memory:/docker/c\n0::/u\n")]
    [InlineData("0::/u\n4:cpu,memory:/docker/c\n3:cpu:/")]
    public void TheHierarchyThatHasTheControllerIsAsked(string groups)
    {
        Write("/proc/self/cgroup", groups);
        Write("/proc/self/mountinfo", FirstVersion.Replace("ROOT", "/docker/c").TrimEnd());
        WriteLimit("/sys/fs/cgroup/memory/memory.limit_in_bytes", "64M");
        AssertFound(64 * MiB, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
    }

    [Fact]
    public void LongLinesStrangeNamesAndSeveralMountsAreTaken()
    {
        string folder = "/mnt/" + new string('x', 3000) + " y";
        string group = "/a:b/" + new string('g', 250) + " (deleted)";
        Write("/proc/self/cgroup", $"0::{group}\n");
        Write(
            "/proc/self/mountinfo",
            $"1 2 0:1 / / rw - overlay overlay rw,lowerdir={new string('l', 9000)}\n"
            + "2 1 0:2 net:[4026531840] /run/netns/x rw - nsfs nsfs rw\n"
            + "3 1 0:3 / /empty rw -  cgroup2 rw\n" // its source is empty
            + "4 1 0:4 / /sys/fs/cgroup rw shared:1 master:2 propagate_from:3 - cgroup2 none rw\n"
            + $"5 1 0:4 /a:b {folder.Replace(" ", "\\040")} rw - cgroup2 cgroup2 rw\n");
        WriteLimit("/sys/fs/cgroup/a:b/memory.max", "300M");
        WriteLimit(folder + "/memory.max", "200M");
        WriteLimit("/empty/memory.max", "1M");
        AssertFound(200 * MiB, folder + "/memory.max");
    }

    [Theory]
    [InlineData("18446744073709551615")]
    [InlineData("99999999999999999999999999")]
    [InlineData("9223372036854771712")]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("1x")]
    [InlineData("max")]
    public void WhatIsNoLimitIsNone(string text)
    {
        Write("/proc/self/cgroup", "0::/\n");
        Write("/proc/self/mountinfo", SecondVersion.Replace("ROOT", "/"));
        Write("/sys/fs/cgroup/memory.max", text + "\n");
        AssertFound(Os.Memory, "");
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("4096", 4096)]
    public void NumbersNeedNoLineEnd(string text, ulong expected)
    {
        Write("/proc/self/cgroup", "0::/\n");
        Write("/proc/self/mountinfo", SecondVersion.Replace("ROOT", "/"));
        Write("/sys/fs/cgroup/memory.max", text);
        AssertFound(expected, "/sys/fs/cgroup/memory.max");
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n::\n0:\n0::\n4:memory\n4:memory:\n")]
    [InlineData("0::/a")]
    public void NonsenseIsNoLimit(string text)
    {
        foreach (string mounts in (string[])["", "\n", "1", "1 2 3 /", "1 2 3 / /sys - cgroup2", "1 2 3 / /sys rw shared:1\n4 5", "1 2 3 / \\04 rw - cgroup2 x rw\n", text])
        {
            Write("/proc/self/cgroup", text);
            Write("/proc/self/mountinfo", mounts);
            AssertFound(Os.Memory, "", seen: false);
        }
    }

    // Who walks up from it would find no slash before the mount point, nor behind it.
    [Theory]
    [InlineData("a")]
    [InlineData("a/b")]
    public void AGroupThatIsNoPathIsNone(string group)
    {
        Write("/proc/self/cgroup", "0::" + group + "\n");
        Write("/proc/self/mountinfo", SecondVersion.Replace("ROOT", "/"));
        AssertFound(Os.Memory, "", seen: false);
    }

    [Fact]
    public void WithoutFilesOrTheMachinesWordThereIsNone()
    {
        AssertFound(Os.Memory, "", seen: false);
        Os.Memory = 0;
        AssertFound(Options.NoLimit, "", seen: false);
    }

    [Theory]
    [InlineData("/proc/self/cgroup", true)]
    [InlineData("/proc/self/mountinfo", true)]
    [InlineData("/sys/fs/cgroup/a/memory.max", true)]
    [InlineData("/sys/fs/cgroup/a/memory.max", false)]
    [InlineData("/proc/self/mountinfo", false)]
    public void WhatCannotBeReadIsToldOf(string path, bool whenOpened)
    {
        Write("/proc/self/cgroup", "0::/a\n");
        Write("/proc/self/mountinfo", SecondVersion.Replace("ROOT", "/"));
        WriteLimit("/sys/fs/cgroup/a/memory.max", "5M");
        WriteLimit("/sys/fs/cgroup/memory.max", "9M");
        AssertFound(5 * MiB, "/sys/fs/cgroup/a/memory.max");
        Os.Files[path] = ([], whenOpened ? -Errno.TooManyFiles : 0, whenOpened ? 0 : -Errno.InputOutput);
        Assert.False(ControlGroup.Find(take: false, out ulong bytes));
        Assert.True(bytes >= 9 * MiB);
        Assert.Equal("/sys/fs/cgroup/a/memory.max", Marshal.PtrToStringUTF8((nint)ControlGroup.Source)); // still
        Assert.Equal(0, Os.OpenFiles);
    }

    [Fact]
    public void WhatMayNotBeReadIsNoLimit()
    {
        Write("/proc/self/cgroup", "0::/a\n");
        Write("/proc/self/mountinfo", SecondVersion.Replace("ROOT", "/"));
        WriteLimit("/sys/fs/cgroup/a/memory.max", "5M");
        Os.Files["/sys/fs/cgroup/memory.max"] = ([], -13, 0); // EACCES
        AssertFound(5 * MiB, "/sys/fs/cgroup/a/memory.max");
    }

    private static string InBytes(string limit) =>
        limit == "none" ? NoneInFirstVersion.ToString() : limit.EndsWith('M') ? (ulong.Parse(limit[..^1]) * MiB).ToString() : limit;

    private static void WriteLimit(string path, string limit)
    {
        if (limit != null)
        {
            Write(path, InBytes(limit) + "\n");
        }
    }

    private static void Write(string path, string text) => Os.Files[path] = (Encoding.UTF8.GetBytes(text), 0, 0);

    // However many bytes a call reads.
    private static void AssertFound(ulong bytes, string file, bool seen = true)
    {
        foreach (int length in (int[])[int.MaxValue, 1, 7])
        {
            Os.ReadLength = length;
            Assert.Equal(seen, ControlGroup.Find(take: !seen, out ulong found));
            Assert.Equal((bytes, file), (found, Marshal.PtrToStringUTF8((nint)ControlGroup.Source)));
            Assert.Equal(0, Os.OpenFiles);
        }
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Parts of ranges that are left, what is sorted, and how mappings are read.</summary>
public sealed unsafe class ExclusionsTests : AllocatorTest
{
    [Fact]
    public void PartsComeFromTheEndAndAreAllThatIsNotExcluded()
    {
        Random random = new(3);
        for (int round = 0; round < 300; round++)
        {
            SearchMemory memory = default;
            Assert.True(memory.Map(Exclusions.BytesNeeded(20)));
            Exclusions exclusions = default;
            exclusions.Prepare(ref memory, 20);
            HashSet<nuint> expected = [.. Enumerable.Range(100, 200).Select(address => (nuint)address)];
            nuint next = 50;
            List<(nuint Start, nuint End)> ranges = [];
            while (ranges.Count < 20 && next < 350)
            {
                nuint start = next + (nuint)random.Next(30);
                next = start + (nuint)random.Next(30);
                ranges.Add((start, next));
                expected.RemoveWhere(address => address >= start && address < next);
            }

            foreach ((nuint start, nuint end) in ranges.OrderBy(_ => random.Next()))
            {
                exclusions.Add(start, end);
            }

            exclusions.Sort();
            HashSet<nuint> found = [];
            nuint last = 300;
            for (nuint start = 100, end = 300; exclusions.LastPart(ref start, ref end); end = start, start = 100)
            {
                Assert.True(start < end && end <= last);
                last = start;
                for (nuint address = start; address < end; address++)
                {
                    Assert.True(found.Add(address));
                }
            }

            Assert.True(expected.SetEquals(found));
            memory.Unmap();
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    public void EntriesAreSorted(int count)
    {
        Random random = new(count);
        SortEntry[] entries = [.. Enumerable.Range(0, count).Select(i => new SortEntry { Key = (ulong)random.Next(count / 2 + 1), Value = (ulong)i })];
        fixed (SortEntry* first = new SortEntry[count + 1])
        {
            entries.CopyTo(new Span<SortEntry>(first, count));
            SortEntries.Ascending(first, count);
            SortEntry[] sorted = new Span<SortEntry>(first, count).ToArray();
            Assert.Equal(entries.Select(entry => entry.Key).Order(), sorted.Select(entry => entry.Key));
            Assert.Equal(entries.OrderBy(entry => entry.Value), sorted.OrderBy(entry => entry.Value));
        }
    }

    [Fact]
    public void MappingsAreRead()
    {
        string[] lines =
        [
            "55d0c8a00000-55d0c8a02000 r--p 00000000 fd:01 1835083                    /usr/bin/true",
            "55d0c8a06000-55d0c8a07000 rw-p 00006000 fd:01 1835083                    /usr/bin/with space (deleted)",
            "55d0ca000000-55d0ca021000 rw-p 00000000 00:00 0                          [heap]",
            "7f0000000000-7f0000200000 ---p 00000000 00:00 0 ",
            "7f0000400000-7f0000600000 rw-s 00000000 00:01 2053                       /dev/zero (deleted)",
            "7f0000600000-7f0000700000 rw-s 00000000 00:01 1029                       /memfd:x (deleted)",
            "7f0000700000-7f0000800000 rw-s 00000000 fd:01 77                         /data/base",
            "7ffd1bffc000-7ffd1c000000 r--p 00000000 00:00 0                          [vvar]",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
        ];
        Os.Files["/proc/thread-self/maps"] = (Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n"), 0, 0);
        MemoryMappings mappings = default;
        Assert.True(mappings.Open());
        List<string> found = [];
        while (mappings.Next(out MemoryMapping mapping))
        {
            string kind = $"{(mapping.CanRead ? "r" : "")}{(mapping.CanWrite ? "w" : "")}{(mapping.IsShared ? "s" : "")}"
                + $"{(mapping.IsAnonymous ? "a" : "")}{(mapping.IsKernels ? "k" : "")}{(mapping.IsPlain ? "p" : "")}";
            found.Add($"{mapping.Start:x}-{mapping.End:x} {kind}");
        }

        mappings.Close();
        string[] kinds = ["r", "rw", "rwap", "a", "rwsa", "rwsa", "rws", "rak", "ak"];
        Assert.Equal(lines.Zip(kinds).Select(pair => $"{pair.First.Split(' ')[0]} {pair.Second}"), found);
        Assert.Equal(0, Os.OpenFiles);
    }

    [Fact]
    public void WithoutMappingsThatIsSaid()
    {
        MemoryMappings mappings = default;
        Assert.False(mappings.Open());
        Assert.Equal(Errno.NoEntry, mappings.Error);
    }

    // Those that wait in the kernel say where their stacks end.
    [Fact]
    public void ThreadsThatWaitAreFound()
    {
        SearchMemory memory = default;
        Assert.True(memory.Map(ThreadList.BytesNeeded(4)));
        byte[] entries = new byte[48];
        (entries[16], entries[40]) = (24, 24);
        "12"u8.CopyTo(entries.AsSpan(19));
        "345"u8.CopyTo(entries.AsSpan(43));
        Os.Files["/proc/99/task"] = (entries, 0, 0);
        Os.Files["/proc/99/task/12/stat"] = ("12 (a) Z (b)) R 1 12 12 0 -1\n"u8.ToArray(), 0, 0);
        Os.Files["/proc/99/task/345/stat"] = ("345 (c) S 1 12 12 0 -1\n"u8.ToArray(), 0, 0);
        Os.Files["/proc/99/task/12/syscall"] = ("running\n"u8.ToArray(), 0, 0);
        Os.Files["/proc/99/task/345/syscall"] = ("202 0x7f1 0x80 0x0 0x7f5544332211 0x0 0xffffffff 0x7ffc12345678 0x7f0102030405\n"u8.ToArray(), 0, 0);
        ThreadList threads = default;
        Assert.Equal(2, threads.CountAll(99));
        Assert.Equal(0, threads.Count); // there was no room
        threads.Prepare(ref memory, 4);
        Assert.Equal((2, 2), (threads.Update(), threads.Count));
        Assert.Equal((2, 2), (threads.Update(), threads.Count));
        threads.FindWaiting();
        Assert.True(threads.Find(12)->StackPointer == 0 && !threads.Find(12)->HasEnded);
        Assert.Equal(0x7ffc12345678ul, (ulong)threads.Find(345)->StackPointer);
        Assert.Equal(0x7f5544332211u, threads.Find(345)->Registers[4]);
        Assert.True(threads.Find(13) == null && !threads.Find(345)->HasEnded);

        Os.Files["/proc/99/task/12/syscall"] = ("-1 0x7ffc00000010 0x401000\n"u8.ToArray(), 0, 0);
        Os.Files["/proc/99/task/345/stat"] = ("345 (c) R)) Z 1 12 12 0 -1\n"u8.ToArray(), 0, 0); // as of a process's first thread that has ended
        threads.FindWaiting();
        Assert.True((ulong)threads.Find(12)->StackPointer == 0x7ffc00000010 && !threads.Find(12)->HasEnded);
        Assert.True(threads.Find(345)->HasEnded);

        const int NoRight = -13; // EACCES: nobody may look into the process, and one knows nothing of them
        Os.Files["/proc/99/task/12/syscall"] = ([], NoRight, 0);
        Os.Files["/proc/99/task/345/stat"] = ([], -Errno.TooManyFiles, 0);
        Os.Files["/proc/99/task/345/syscall"] = ([], NoRight, 0);
        threads.FindWaiting();
        Assert.True(!threads.Find(12)->HasEnded && !threads.Find(345)->HasEnded);
        Os.Files.Remove("/proc/99/task/345/stat");
        threads.FindWaiting();
        Assert.True(threads.Find(345)->HasEnded);
        memory.Unmap();
    }
}

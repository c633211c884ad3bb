using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace NativeMalloc.UnitTests;

public sealed unsafe class MappingTableTests : AllocatorTest
{
    private static readonly string[] s_lines =
    [
        "00400000-00401000 r--p 00000000 fe:01 77                                 /usr/bin/a program;x",
        "00401000-00480000 r-xp 00001000 fe:01 77                                 /usr/bin/a program;x",
        "00480000-00490000 rw-p 00080000 fe:01 77                                 /usr/bin/a program;x",
        "01000000-01021000 rw-p 00000000 00:00 0                                  [heap]",
        "7f0000000000-7f0000001000 r-xp 00000000 00:00 0 ",
        "7f1000000000-7f1000100000 r-xp 00200000 fe:01 78                         /usr/lib/lib.so (deleted)",
        "7f1000200000-7f1000300000 r-xp 00000000 fe:02 78                         /usr/lib/other.so",
        "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]",
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
    ];

    private readonly byte[] _memory = GC.AllocateArray<byte>(4096, pinned: true);

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(7)]
    [InlineData(1)]
    public void CodeIsKeptWithItsFileAndThePlaceOfTheFilesStart(int readLength)
    {
        Os.ReadLength = readLength;
        MappingTable table = Read(s_lines);
        Assert.Equal((4, 0), (table.Count, table.Missed));
        Assert.Equal(["/usr/bin/a program;x", "/usr/lib/lib.so", "/usr/lib/other.so", "[vdso]"], Enumerable.Range(0, 4).Select(i => Name(table[i])));
        Assert.Equal((0x401000u, 0x480000u, 0x1000u, 0x400000u), (table[0]->Start, table[0]->End, table[0]->Offset, table[0]->Base));
        Assert.Equal(0x7f0fffe00000u, table[1]->Base); // nothing of the file lies before
        Assert.Equal(0x7f1000200000u, table[2]->Base); // another file, though of the same number
        Assert.Equal(0x7ffd00000000u, table[3]->Base);
        Assert.Equal(0, Os.OpenFiles);
    }

    [Theory]
    [InlineData(0x400fff, -1)]
    [InlineData(0x401000, 0)]
    [InlineData(0x47ffff, 0)]
    [InlineData(0x480000, -1)]
    [InlineData(0x7f1000000000, 1)]
    [InlineData(0x7f10001fffff, -1)]
    [InlineData(0x7f1000200000, 2)]
    [InlineData(0x7ffd00001fff, 3)]
    [InlineData(0x7ffd00002000, -1)]
    [InlineData(0, -1)]
    [InlineData(ulong.MaxValue, -1)]
    public void AddressesAreFound(ulong address, int expected) => Assert.Equal(expected, Read(s_lines).IndexOf(address));

    [Fact]
    public void WhatDoesNotFitIsCounted()
    {
        string[] lines = [.. Enumerable.Range(1, 200).Select(i => $"{i:x}000-{i:x}800 r-xp 00000000 fe:01 {i} /{new string('n', i % 70 + 1)}")];
        MappingTable table = Read(lines);
        Assert.InRange(table.Count, 20, 199);
        Assert.Equal(200, table.Count + table.Missed);
        for (int i = 0; i < table.Count; i++)
        {
            Assert.Matches("^/n+$", Name(table[i]));
            Assert.Equal(i, table.IndexOf(table[i]->Start));
        }
    }

    [Theory]
    [InlineData(0x5000, "1000-5000 r--p 0", "5000-6000 r--p 0", "6000-7000 r-xp 1000")] // the file as such, and an image
    [InlineData(0x5000, "1000-5000 r--p 0", "5000-7000 r-xp 0")]
    [InlineData(0x2000, "1000-2000 r--p 0", "2000-3000 r--p 0", "3000-4000 r-xp 1000")]
    [InlineData(0x5000, "1000-3000 r-xp 0", "3000-5000 rw-p 2000", "5000-6000 r--p 0", "6000-7000 r-xp 1000")] // two images
    [InlineData(0x1000, "1000-2000 r--p 0", "2000-3000 r-xp 0")] // whose code begins on the headers' page
    [InlineData(0x1000, "1000-4000 r--p 0", "4000-5000 r-xp 2000")]
    [InlineData(0x1000, "1000-2000 r--p 0", "2000-201000 ---p 1000", "201000-202000 r-xp 1000")]
    [InlineData(0x1000, "1000-2000 r--p 0", "2000-3000 r--p 1000", "3000-4000 rw-p 2000", "4000-5000 r-xp 3000")]
    public void PiecesThatFollowInTheFileAreOneImage(ulong expected, params string[] pieces)
    {
        MappingTable table = Read([.. pieces.Select(piece => piece + " fe:01 77 /lib.so")]);
        Assert.Equal(expected, table[table.Count - 1]->Base);
    }

    [Theory]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData("1000-2000")]
    [InlineData("1000-2000 r-xp 0 fe:01 77")]
    public void WhatIsNoMappingIsPassedOver(string line) => Assert.Equal(1, Read([line, s_lines[1]]).Count);

    [Fact]
    public void WithoutTheFileThereIsNothing()
    {
        MappingTable table = default;
        fixed (byte* memory = _memory)
        {
            table.Read(FakeProfile.Maps, memory, _memory.Length);
        }

        Assert.Equal(0, table.Count);
        Assert.Equal(-1, table.IndexOf(0x401000));
    }

    private MappingTable Read(string[] lines)
    {
        FakeProfile.SetMaps(lines);
        MappingTable table = default;
        table.Read(FakeProfile.Maps, (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0), _memory.Length);
        return table;
    }

    private static string Name(Mapping* mapping) => Encoding.UTF8.GetString(mapping->Name, mapping->NameLength);
}

#pragma warning disable CS0649 // what linkers wrote is only read
namespace NativeMalloc;

/// <summary>The start of an image: Elf64_Ehdr (System V ABI, chapter 4).</summary>
internal unsafe struct ElfHeader
{
    private const uint RightMagic = 0x464c457f;
    private const byte Class64 = 2;

    internal uint Magic;
    internal byte Class;
    internal byte DataOrder;
    internal byte IdentVersion;
    internal byte System;
    internal ulong Padding;
    internal ushort Type;
    internal ushort Machine;
    internal uint Version;
    internal ulong Entry;
    internal ulong Segments;
    internal ulong Sections;
    internal uint Flags;
    internal ushort HeaderBytes;
    internal ushort SegmentBytes;
    internal ushort SegmentCount;
    internal ushort SectionBytes;
    internal ushort SectionCount;
    internal ushort SectionNames;

    /// <summary>It is one, and what it says of segments is as <see cref="Segment"/> has it.</summary>
    internal readonly bool IsValid => Magic == RightMagic && Class == Class64 && SegmentBytes == sizeof(Segment);
}

/// <summary>Elf64_Phdr.</summary>
internal struct Segment
{
    internal const uint Load = 1;
    internal const uint Dynamic = 2;
    internal const uint Note = 4;

    /// <summary>PT_GNU_EH_FRAME.</summary>
    internal const uint Frames = 0x6474e550;

    internal uint Type;
    internal uint Flags;
    internal nuint Offset;
    internal nuint Address;
    internal nuint PhysicalAddress;
    internal nuint FileBytes;
    internal nuint MemoryBytes;
    internal nuint Alignment;
}

/// <summary>Elf64_Nhdr, and the first bytes of the name behind it.</summary>
internal struct ElfNote
{
    private const uint BuildId = 3; // NT_GNU_BUILD_ID
    private const uint Gnu = 0x554e47;

    internal uint NameBytes;
    internal uint TextBytes;
    internal uint Type;
    internal uint Name;

    internal readonly bool IsBuildId => Type == BuildId && NameBytes == sizeof(uint) && Name == Gnu;
}

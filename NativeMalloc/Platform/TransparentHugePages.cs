using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>When the kernel backs memory with huge pages by itself (its admin-guide, "Transparent Hugepage Support").</summary>
internal enum HugePageMode
{
    /// <summary>Never, or it does not say.</summary>
    Never,

    /// <summary>Where it is advised to.</summary>
    Advised,

    /// <summary>Wherever two MiB are aligned and it is not advised against.</summary>
    Always,
}

/// <summary>The kernel's mode, read once at the start, and advice that it heeds in that mode.</summary>
internal static unsafe class TransparentHugePages
{
    internal static HugePageMode Mode { get; private set; }

    /// <summary>
    /// The heap, in bytes, beyond which huge pages are worth it. A list of 5,000,000 blocks in a random order was walked in two thirds of the
    /// time with them (400 MiB), but built in twice the time, since for memory that is advised to be huge the kernel looks for room at the
    /// fault. Where it makes huge pages by itself, it does so only where they cost nothing; but a small heap would be larger by the unused
    /// part of each.
    /// </summary>
    internal static nuint WorthFrom => Mode == HugePageMode.Always ? (nuint)64 << 20 : (nuint)512 << 20;

    internal static void Read()
    {
        const int BufferBytes = 64;
        byte* text = stackalloc byte[BufferBytes];
        ReadOnlySpan<byte> path = "/sys/kernel/mm/transparent_hugepage/enabled\0"u8;
        int length = Os.ReadFile((byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in path[0])), text, BufferBytes);
        Mode = HugePageMode.Never;
        for (int i = 0; i + 1 < length; i++)
        {
            if (text[i] == '[') // around the mode that is set
            {
                Mode = text[i + 1] == 'a' ? HugePageMode.Always : text[i + 1] == 'm' ? HugePageMode.Advised : HugePageMode.Never;
            }
        }
    }

    /// <summary>New memory may be huge pages, or is to be small ones; nothing where the kernel does that anyway.</summary>
    internal static void Advise(byte* start, nuint bytes, bool huge)
    {
        if (huge ? Mode == HugePageMode.Advised : Mode == HugePageMode.Always)
        {
            Os.AdviseHuge(start, bytes, huge);
        }
    }

    /// <summary>Memory that was advised to be huge is to be small from now on, or huge again.</summary>
    internal static void Change(byte* start, nuint bytes, bool huge)
    {
        if (Mode != HugePageMode.Never)
        {
            Os.AdviseHuge(start, bytes, huge);
        }
    }
}

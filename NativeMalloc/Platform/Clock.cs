namespace NativeMalloc;

/// <summary>
/// A clock that costs no system call: CLOCK_MONOTONIC_COARSE as the kernel's vDSO reads it, which is what its timer tick last left there
/// (1 to 10 ms ago). Where there is no vDSO, time stands still.
/// </summary>
internal static unsafe class Clock
{
    private const nuint AuxiliaryVdso = 33; // AT_SYSINFO_EHDR
    private const nuint MonotonicCoarse = 6;

    private static void* s_read;

    /// <summary>Looks for the vDSO.</summary>
    internal static void Find()
    {
        byte* image = (byte*)Shim.AuxiliaryValue(AuxiliaryVdso);
        if (image == null)
        {
            return;
        }

        // Elf64_Ehdr: e_phoff and e_phnum. The vDSO is linked at address 0.
        LoadedObject vdso = new()
        {
            Base = (nuint)image,
            Segments = (Segment*)(image + *(ulong*)(image + 32)),
            SegmentCount = *(ushort*)(image + 56),
        };
        ElfSymbols symbols = ElfSymbols.Of(&vdso);
        ElfSymbol* symbol = symbols.Find(Literal.Pointer("__vdso_clock_gettime"u8));
        s_read = symbol != null ? symbols.AddressOf(symbol) : null;
    }

    /// <summary>Since some moment in the past.</summary>
    internal static long Milliseconds
    {
        get
        {
            if (s_read == null)
            {
                return 0;
            }

            Timespec time;
            Shim.Invoke(s_read, MonotonicCoarse, (nuint)(&time), 0);
            return time.Seconds * 1000 + (long)((ulong)time.Nanoseconds / 1_000_000);
        }
    }

    private struct Timespec
    {
        internal long Seconds;
        internal long Nanoseconds;
    }
}

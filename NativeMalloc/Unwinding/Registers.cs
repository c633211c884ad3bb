namespace NativeMalloc;

/// <summary>The registers of a frame, by DWARF's numbers (System V ABI, AMD64, figure 3.36). Those that nobody has saved read as whoever was called last left them.</summary>
internal unsafe struct Registers
{
    internal const int Rbx = 3;
    internal const int Rbp = 6;
    internal const int Rsp = 7;
    internal const int R12 = 12;

    /// <summary>Not a register: the column of the return address, which becomes the caller's rip.</summary>
    internal const int Rip = 16;
    internal const int Count = 17;

    internal fixed ulong Values[Count];
}

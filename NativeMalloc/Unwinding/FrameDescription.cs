namespace NativeMalloc;

/// <summary>An entry of .eh_frame for one function (FDE), with what it shares with others (CIE): Linux Standard Base, 10.6.</summary>
internal unsafe struct FrameDescription
{
    internal nuint Start;
    internal nuint End;
    internal ulong CodeUnit;
    internal long DataUnit;
    internal bool IsSignalFrame;
    internal int Encoding;

    /// <summary>The instructions that are common to all, and this function's.</summary>
    internal byte* CommonProgram;
    internal byte* CommonProgramEnd;
    internal byte* Program;
    internal byte* ProgramEnd;

    /// <summary>False where it is not one that can be understood.</summary>
    internal bool TryRead(ReadablePages* pages, byte* entry)
    {
        TableReader reader = new(pages, entry);
        if (!TryBegin(ref reader, out byte* identifier, out uint distance) || distance == 0 || !TryReadCommon(pages, identifier - distance, out bool hasLength))
        {
            return false;
        }

        Start = (nuint)reader.Address(Encoding, 0);
        End = Start + (nuint)reader.Address(Encoding & 0x0f, 0); // a length
        if (hasLength)
        {
            reader.Skip(reader.Unsigned());
        }

        Program = reader.At;
        return !reader.Failed;
    }

    // The length; leaves the end in ProgramEnd.
    private bool TryBegin(ref TableReader reader, out byte* identifier, out uint distance)
    {
        const uint Longer = 0xffff_ffff;
        ulong length = reader.FourBytes();
        length = length == Longer ? reader.EightBytes() : length;
        identifier = reader.At;
        if (length < sizeof(uint) || length > int.MaxValue)
        {
            distance = 0;
            return false;
        }

        ProgramEnd = identifier + length;
        reader.EndAt(ProgramEnd);
        distance = reader.FourBytes();
        return !reader.Failed;
    }

    private bool TryReadCommon(ReadablePages* pages, byte* entry, out bool hasLength)
    {
        hasLength = false;
        byte* end = ProgramEnd;
        TableReader reader = new(pages, entry);
        if (!TryBegin(ref reader, out _, out uint identifier) || identifier != 0)
        {
            return false;
        }

        CommonProgramEnd = ProgramEnd;
        ProgramEnd = end;
        byte version = reader.Byte();
        byte* augmentation = reader.At;
        while (reader.Byte() != 0)
        {
        }

        CodeUnit = reader.Unsigned();
        DataUnit = reader.Signed();
        ulong returnColumn = version == 1 ? reader.Byte() : reader.Unsigned();
        if (reader.Failed || (version != 1 && version != 3) || returnColumn != Registers.Rip)
        {
            return false;
        }

        Encoding = 0;
        IsSignalFrame = false;
        hasLength = *augmentation == 'z';
        byte* dataEnd = null;
        bool known = true;
        for (; known && *augmentation != 0; augmentation++)
        {
            switch (*augmentation)
            {
                case (byte)'z':
                    ulong bytes = reader.Unsigned();
                    dataEnd = reader.At + bytes;
                    break;
                case (byte)'R':
                    Encoding = reader.Byte();
                    break;
                case (byte)'P':
                    reader.Address(reader.Byte() & 0x0f, 0); // who handles exceptions
                    break;
                case (byte)'L':
                    reader.Byte(); // how what it handles is encoded
                    break;
                case (byte)'S':
                    IsSignalFrame = true;
                    break;
                default:
                    known = false; // with what follows
                    break;
            }
        }

        if (!known && dataEnd == null)
        {
            return false;
        }

        CommonProgram = dataEnd != null ? dataEnd : reader.At;
        return !reader.Failed && CommonProgram <= CommonProgramEnd;
    }
}

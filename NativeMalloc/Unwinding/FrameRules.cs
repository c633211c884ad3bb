namespace NativeMalloc;

/// <summary>How the caller's value of a register is found.</summary>
internal enum RuleKind : byte
{
    /// <summary>It has kept it.</summary>
    Same,

    /// <summary>It is not kept; for the return address: there is no caller.</summary>
    Undefined,

    /// <summary>It lies so far from the canonical frame address.</summary>
    Saved,

    /// <summary>It is that far from it itself.</summary>
    Distance,

    /// <summary>Another register has it.</summary>
    Register,

    /// <summary>An expression says where it lies.</summary>
    SavedAt,

    /// <summary>An expression says what it is.</summary>
    Value,
}

/// <summary>A row of a frame's table: how to come from a place in a function to its caller (DWARF 5, 6.4.1).</summary>
internal unsafe struct FrameRules
{
    /// <summary>The canonical frame address is what an expression says.</summary>
    internal const int ByExpression = -1;

    internal int CfaRegister;

    /// <summary>Or the address of the expression: its length, then its operations.</summary>
    internal long CfaOffset;

    internal fixed long Values[Registers.Count];
    internal fixed byte Kinds[Registers.Count];

    internal void Clear()
    {
        CfaRegister = Registers.Rsp;
        CfaOffset = 0;
        for (int i = 0; i < Registers.Count; i++)
        {
            Kinds[i] = (byte)RuleKind.Same;
        }
    }

    internal readonly RuleKind KindOf(int register) => (RuleKind)Kinds[register];

    /// <summary>Of registers that no frame has, such as those of vectors, nobody wants to know.</summary>
    internal void Set(ulong register, RuleKind kind, long value)
    {
        if (register < Registers.Count)
        {
            Kinds[register] = (byte)kind;
            Values[register] = value;
        }
    }

    /// <summary>The rule that the other row has.</summary>
    internal void Restore(ulong register, FrameRules* from)
    {
        if (register < Registers.Count)
        {
            Kinds[register] = from->Kinds[register];
            Values[register] = from->Values[register];
        }
    }
}

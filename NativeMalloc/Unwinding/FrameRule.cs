namespace NativeMalloc;

/// <summary>What one place in the code needs, in one word: a row as nearly all are, or which table has it.</summary>
internal unsafe struct FrameRule
{
    // The kind in four bits; then for the first two the distance from the register to the canonical frame address, in words, and in a byte for
    // each register that calls keep how many words below that it lies, or zero.
    private const int OffsetShift = 4;
    private const int OffsetBits = 12;
    private const int SavedShift = OffsetShift + OffsetBits;
    internal const int SavedBits = 8;
    internal const int MostSaved = 1 << SavedBits;
    internal const int Word = sizeof(ulong);

    internal ulong Bits;

    internal readonly FrameRuleKind Kind => (FrameRuleKind)(Bits & 0xf);

    internal readonly ulong CfaOffset => (Bits >> OffsetShift & ((1 << OffsetBits) - 1)) * Word;

    /// <summary>Registers that calls keep, from zero on, but for the stack pointer.</summary>
    internal const int Kept = 6;

    /// <summary>A byte for each of them, from the lowest on: how many words below the canonical frame address it lies, or zero where it was not saved.</summary>
    internal readonly ulong Saved => Bits >> SavedShift;

    internal static int KeptRegister(int number) => number == 0 ? Registers.Rbx : number == 1 ? Registers.Rbp : Registers.R12 - 2 + number;

    /// <summary>Where <see cref="FrameRuleKind.Described"/> has its description.</summary>
    internal readonly byte* Description => (byte*)(Bits >> SavedShift);

    internal static FrameRule None => new() { Bits = (ulong)FrameRuleKind.None };

    internal static FrameRule DescribedBy(byte* description) => new() { Bits = (ulong)description << SavedShift | (ulong)FrameRuleKind.Described };

    /// <summary>The row as a word; where it does not fit, its description.</summary>
    internal static FrameRule Of(FrameRules* rules, byte* description, bool isSignalFrame)
    {
        if (rules->KindOf(Registers.Rip) == RuleKind.Undefined)
        {
            return new FrameRule { Bits = (ulong)FrameRuleKind.Outermost };
        }

        FrameRuleKind kind = rules->CfaRegister == Registers.Rsp ? FrameRuleKind.FromRsp
            : rules->CfaRegister == Registers.Rbp ? FrameRuleKind.FromRbp
            : FrameRuleKind.Described;
        ulong offset = (ulong)rules->CfaOffset;
        if (isSignalFrame || kind == FrameRuleKind.Described || offset % Word != 0 || offset / Word >= 1 << OffsetBits ||
            rules->KindOf(Registers.Rip) != RuleKind.Saved || rules->Values[Registers.Rip] != -Word)
        {
            return DescribedBy(description);
        }

        ulong bits = (ulong)kind | offset / Word << OffsetShift;
        int number = 0;
        for (int register = 0; register < Registers.Rip; register++)
        {
            bool kept = number < Kept && register == KeptRegister(number);
            RuleKind rule = rules->KindOf(register);
            if (rule == RuleKind.Saved && kept)
            {
                ulong saved = (ulong)-rules->Values[register];
                if (saved % Word != 0 || saved / Word >= MostSaved || saved == 0)
                {
                    return DescribedBy(description);
                }

                bits |= saved / Word << SavedShift + number * SavedBits;
            }
            else if (rule is not (RuleKind.Same or RuleKind.Undefined))
            {
                return DescribedBy(description);
            }

            number += kept ? 1 : 0;
        }

        return new FrameRule { Bits = bits };
    }
}

internal enum FrameRuleKind
{
    /// <summary>It is not known what the place needs.</summary>
    Unknown,

    /// <summary>The canonical frame address is so far from the stack pointer, and the return address lies below it.</summary>
    FromRsp,

    /// <summary>The same from rbp.</summary>
    FromRbp,

    /// <summary>The return address is undefined: there is no caller.</summary>
    Outermost,

    /// <summary>No table describes it.</summary>
    None,

    /// <summary>Its description is to be worked out each time.</summary>
    Described,
}

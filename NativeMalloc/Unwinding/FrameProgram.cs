namespace NativeMalloc;

/// <summary>Runs the instructions of a frame's table up to a place in the function, which gives the row for it (DWARF 5, 6.4.2).</summary>
internal static unsafe class FrameProgram
{
    /// <summary>Compilers save the row around one epilogue at a time.</summary>
    internal const int MostRemembered = 8;

    /// <summary>The longest functions of the largest programs have some ten thousand.</summary>
    private const int MostInstructions = 1 << 16;

    internal static bool TryRun(Workspace* work, nuint address)
    {
        FrameDescription* description = &work->Description;
        work->Rules.Clear();
        if (!TryRun(work, description->CommonProgram, description->CommonProgramEnd, ulong.MaxValue, description->Start))
        {
            return false;
        }

        work->InitialRules = work->Rules;
        return TryRun(work, description->Program, description->ProgramEnd, address, description->Start);
    }

    private static bool TryRun(Workspace* work, byte* program, byte* end, ulong address, ulong at)
    {
        FrameDescription* description = &work->Description;
        FrameRules* rules = &work->Rules;
        TableReader reader = new(&work->Pages, program, end);
        int remembered = 0;
        for (int instructions = 0; !reader.IsAtEnd && at <= address; instructions++)
        {
            if (instructions == MostInstructions)
            {
                return false;
            }

            byte operation = reader.Byte();
            ulong low = operation & 0x3fu;
            switch (operation >> 6)
            {
                case 1: // DW_CFA_advance_loc
                    at += low * description->CodeUnit;
                    continue;
                case 2: // DW_CFA_offset
                    rules->Set(low, RuleKind.Saved, (long)reader.Unsigned() * description->DataUnit);
                    continue;
                case 3: // DW_CFA_restore
                    rules->Restore(low, &work->InitialRules);
                    continue;
            }

            ulong register;
            switch (operation)
            {
                case 0x00: // DW_CFA_nop
                    break;
                case 0x01: // DW_CFA_set_loc
                    at = reader.Address(description->Encoding, 0);
                    break;
                case 0x02: // DW_CFA_advance_loc1
                    at += reader.Byte() * description->CodeUnit;
                    break;
                case 0x03: // DW_CFA_advance_loc2
                    at += reader.TwoBytes() * description->CodeUnit;
                    break;
                case 0x04: // DW_CFA_advance_loc4
                    at += reader.FourBytes() * description->CodeUnit;
                    break;
                case 0x05: // DW_CFA_offset_extended
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.Saved, (long)reader.Unsigned() * description->DataUnit);
                    break;
                case 0x06: // DW_CFA_restore_extended
                    rules->Restore(reader.Unsigned(), &work->InitialRules);
                    break;
                case 0x07: // DW_CFA_undefined
                    rules->Set(reader.Unsigned(), RuleKind.Undefined, 0);
                    break;
                case 0x08: // DW_CFA_same_value
                    rules->Set(reader.Unsigned(), RuleKind.Same, 0);
                    break;
                case 0x09: // DW_CFA_register
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.Register, (long)reader.Unsigned());
                    break;
                case 0x0a: // DW_CFA_remember_state
                    if (remembered == MostRemembered)
                    {
                        return false;
                    }

                    *Workspace.Remembered(work, remembered++) = *rules;
                    break;
                case 0x0b: // DW_CFA_restore_state
                    if (remembered == 0)
                    {
                        return false;
                    }

                    *rules = *Workspace.Remembered(work, --remembered);
                    break;
                case 0x0c: // DW_CFA_def_cfa
                    rules->CfaRegister = RegisterOf(ref reader);
                    rules->CfaOffset = (long)reader.Unsigned();
                    break;
                case 0x0d: // DW_CFA_def_cfa_register
                    rules->CfaRegister = RegisterOf(ref reader);
                    break;
                case 0x0e: // DW_CFA_def_cfa_offset
                    rules->CfaOffset = (long)reader.Unsigned();
                    break;
                case 0x0f: // DW_CFA_def_cfa_expression
                    rules->CfaRegister = FrameRules.ByExpression;
                    rules->CfaOffset = ExpressionOf(ref reader);
                    break;
                case 0x10: // DW_CFA_expression
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.SavedAt, ExpressionOf(ref reader));
                    break;
                case 0x11: // DW_CFA_offset_extended_sf
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.Saved, reader.Signed() * description->DataUnit);
                    break;
                case 0x12: // DW_CFA_def_cfa_sf
                    rules->CfaRegister = RegisterOf(ref reader);
                    rules->CfaOffset = reader.Signed() * description->DataUnit;
                    break;
                case 0x13: // DW_CFA_def_cfa_offset_sf
                    rules->CfaOffset = reader.Signed() * description->DataUnit;
                    break;
                case 0x14: // DW_CFA_val_offset
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.Distance, (long)reader.Unsigned() * description->DataUnit);
                    break;
                case 0x15: // DW_CFA_val_offset_sf
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.Distance, reader.Signed() * description->DataUnit);
                    break;
                case 0x16: // DW_CFA_val_expression
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.Value, ExpressionOf(ref reader));
                    break;
                case 0x2e: // DW_CFA_GNU_args_size
                    reader.Unsigned();
                    break;
                case 0x2f: // DW_CFA_GNU_negative_offset_extended
                    register = reader.Unsigned();
                    rules->Set(register, RuleKind.Saved, -((long)reader.Unsigned() * description->DataUnit));
                    break;
                default:
                    return false;
            }
        }

        return !reader.Failed;
    }

    private static int RegisterOf(ref TableReader reader)
    {
        ulong register = reader.Unsigned();
        if (register >= Registers.Count)
        {
            reader.Fail();
            return 0;
        }

        return (int)register;
    }

    private static long ExpressionOf(ref TableReader reader)
    {
        long address = (long)reader.At;
        reader.Skip(reader.Unsigned());
        return address;
    }
}

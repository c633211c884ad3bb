namespace NativeMalloc;

/// <summary>Evaluates the expressions of frames' tables: a machine with a stack (DWARF 5, 2.5).</summary>
internal static unsafe class FrameExpression
{
    internal const int MostValues = 64; // a power of two

    /// <summary>They have a dozen; loops are possible.</summary>
    private const int MostOperations = 1000;

    /// <summary>What the expression leaves on top of its stack, at whose bottom <paramref name="first"/> lies; false where it cannot be said.</summary>
    internal static bool TryEvaluate(Workspace* work, long expression, ulong first, out ulong result)
    {
        result = 0;
        TableReader reader = new(&work->Pages, (byte*)expression);
        ulong length = reader.Unsigned();
        byte* start = reader.At;
        if (reader.Failed || length > int.MaxValue)
        {
            return false;
        }

        byte* end = start + length;
        reader.EndAt(end);
        ulong* stack = work->Stack;
        int depth = 1;
        stack[0] = first;
        for (int operations = 0; !reader.IsAtEnd; operations++)
        {
            if (operations == MostOperations)
            {
                return false;
            }

            byte operation = reader.Byte();
            int needed = Needed(operation);
            if (depth < needed || depth == MostValues)
            {
                return false;
            }

            ulong* top = stack + depth - 1;
            switch (operation)
            {
                case >= 0x30 and <= 0x4f: // DW_OP_lit
                    top[1] = operation - 0x30u;
                    depth++;
                    break;
                case >= 0x70 and <= 0x70 + Registers.Rip: // DW_OP_breg
                    top[1] = work->Registers.Values[operation - 0x70] + (ulong)reader.Signed();
                    depth++;
                    break;
                case 0x92: // DW_OP_bregx
                    ulong register = reader.Unsigned();
                    if (register >= Registers.Count)
                    {
                        return false;
                    }

                    top[1] = work->Registers.Values[register] + (ulong)reader.Signed();
                    depth++;
                    break;
                case 0x03 or 0x0e or 0x0f: // DW_OP_addr, DW_OP_const8u, DW_OP_const8s
                    top[1] = reader.EightBytes();
                    depth++;
                    break;
                case 0x08: // DW_OP_const1u
                    top[1] = reader.Byte();
                    depth++;
                    break;
                case 0x09: // DW_OP_const1s
                    top[1] = (ulong)(sbyte)reader.Byte();
                    depth++;
                    break;
                case 0x0a: // DW_OP_const2u
                    top[1] = reader.TwoBytes();
                    depth++;
                    break;
                case 0x0b: // DW_OP_const2s
                    top[1] = (ulong)(short)reader.TwoBytes();
                    depth++;
                    break;
                case 0x0c: // DW_OP_const4u
                    top[1] = reader.FourBytes();
                    depth++;
                    break;
                case 0x0d: // DW_OP_const4s
                    top[1] = (ulong)(int)reader.FourBytes();
                    depth++;
                    break;
                case 0x10: // DW_OP_constu
                    top[1] = reader.Unsigned();
                    depth++;
                    break;
                case 0x11: // DW_OP_consts
                    top[1] = (ulong)reader.Signed();
                    depth++;
                    break;
                case 0x06: // DW_OP_deref
                    if (!work->Pages.TryRead((nuint)top[0], out top[0]))
                    {
                        return false;
                    }

                    break;
                case 0x94: // DW_OP_deref_size
                    int bytes = reader.Byte();
                    if (bytes is not (1 or 2 or 4 or 8) || !work->Pages.TryRead((nuint)top[0], out top[0]))
                    {
                        return false;
                    }

                    top[0] &= ulong.MaxValue >> (64 - bytes * 8);
                    break;
                case 0x12: // DW_OP_dup
                    top[1] = top[0];
                    depth++;
                    break;
                case 0x13: // DW_OP_drop
                    depth--;
                    break;
                case 0x14: // DW_OP_over
                    top[1] = top[-1];
                    depth++;
                    break;
                case 0x15: // DW_OP_pick
                    int index = reader.Byte();
                    if (index >= depth)
                    {
                        return false;
                    }

                    top[1] = top[-index];
                    depth++;
                    break;
                case 0x16: // DW_OP_swap
                    ulong swapped = top[0];
                    top[0] = top[-1];
                    top[-1] = swapped;
                    break;
                case 0x17: // DW_OP_rot
                    ulong rotated = top[0];
                    top[0] = top[-1];
                    top[-1] = top[-2];
                    top[-2] = rotated;
                    break;
                case 0x19: // DW_OP_abs
                    top[0] = (long)top[0] < 0 ? 0 - top[0] : top[0];
                    break;
                case 0x1f: // DW_OP_neg
                    top[0] = 0 - top[0];
                    break;
                case 0x20: // DW_OP_not
                    top[0] = ~top[0];
                    break;
                case 0x23: // DW_OP_plus_uconst
                    top[0] += reader.Unsigned();
                    break;
                case 0x28 or 0x2f: // DW_OP_bra, DW_OP_skip
                    short distance = (short)reader.TwoBytes();
                    if (operation == 0x28 && stack[--depth] == 0)
                    {
                        break;
                    }

                    byte* target = reader.At + distance;
                    if (target < start || target > end)
                    {
                        return false;
                    }

                    reader = new TableReader(&work->Pages, target, end);
                    break;
                case 0x96: // DW_OP_nop
                    break;
                default:
                    if (needed != 2 || !TryCombine(operation, top[-1], top[0], out top[-1]))
                    {
                        return false;
                    }

                    depth--;
                    break;
            }
        }

        if (reader.Failed || depth == 0)
        {
            return false;
        }

        result = stack[depth - 1];
        return true;
    }

    // How many values must be on the stack.
    private static int Needed(byte operation) => operation switch
    {
        0x06 or 0x12 or 0x13 or 0x19 or 0x1f or 0x20 or 0x23 or 0x28 or 0x94 => 1,
        0x14 or 0x16 => 2,
        0x17 => 3,
        (>= 0x1a and <= 0x1e) or 0x21 or 0x22 or (>= 0x24 and <= 0x27) or (>= 0x29 and <= 0x2e) => 2,
        _ => 0,
    };

    private static bool TryCombine(byte operation, ulong left, ulong right, out ulong result)
    {
        result = 0;
        switch (operation)
        {
            case 0x1a: // DW_OP_and
                result = left & right;
                return true;
            case 0x1b: // DW_OP_div
                if (right == 0)
                {
                    return false;
                }

                result = right == ulong.MaxValue ? 0 - left : (ulong)((long)left / (long)right); // the least number by -1 would trap
                return true;
            case 0x1c: // DW_OP_minus
                result = left - right;
                return true;
            case 0x1d: // DW_OP_mod
                if (right == 0)
                {
                    return false;
                }

                result = left % right;
                return true;
            case 0x1e: // DW_OP_mul
                result = left * right;
                return true;
            case 0x21: // DW_OP_or
                result = left | right;
                return true;
            case 0x22: // DW_OP_plus
                result = left + right;
                return true;
            case 0x24: // DW_OP_shl
                result = right < 64 ? left << (int)right : 0;
                return true;
            case 0x25: // DW_OP_shr
                result = right < 64 ? left >> (int)right : 0;
                return true;
            case 0x26: // DW_OP_shra
                result = (ulong)((long)left >> (int)(right < 64 ? right : 63));
                return true;
            case 0x27: // DW_OP_xor
                result = left ^ right;
                return true;
            case 0x29: // DW_OP_eq
                result = left == right ? 1u : 0;
                return true;
            case 0x2a: // DW_OP_ge
                result = (long)left >= (long)right ? 1u : 0;
                return true;
            case 0x2b: // DW_OP_gt
                result = (long)left > (long)right ? 1u : 0;
                return true;
            case 0x2c: // DW_OP_le
                result = (long)left <= (long)right ? 1u : 0;
                return true;
            case 0x2d: // DW_OP_lt
                result = (long)left < (long)right ? 1u : 0;
                return true;
            case 0x2e: // DW_OP_ne
                result = left != right ? 1u : 0;
                return true;
            default:
                return false;
        }
    }
}
